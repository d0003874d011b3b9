/**
 * What prints for a command that has ended, without being a child that its shells wait for: what they print through, in
 * `> >(tee log)` and in scripts that begin with `exec > >(tee log)`.
 */

/** How often, every 20 ms, it is looked whether it does still. */
const looks = 6
/** Where more was started since than this, it is not looked for: it would take longer than the wait. */
const youngest = 3_000

/** Others may start processes too, while a leader is started. */
const soon = 24

/** Keeps the number of the youngest process there is: the next one, or one soon after it, leads the command's group. */
export const noteFirst = `sbx_first=
IFS=' ' read -r sbx_ sbx_ sbx_ sbx_ sbx_first </proc/loadavg`

/** True when a group is there whose leader, one soon after `sbx_first`, has ended: else a command has left nothing. */
export const lookForGroup = `sbx_left() {
IFS=' ' read -r sbx_ sbx_ sbx_ sbx_ sbx_last </proc/loadavg || return 1
sbx_pid=$sbx_first
while [ "$sbx_pid" -lt "$sbx_last" ] && [ "$sbx_pid" -lt $((sbx_first + ${soon})) ]; do
kill -0 "-$((sbx_pid += 1))" && [ ! -e "/proc/$sbx_pid" ] && return 0
done
return 1
}`

/**
 * `sbx_settle` gives what reads a pipe, has one of the streams that are this shell's 1 and 4, and is younger than
 * `sbx_first` a tenth of a second to end, which it does by itself once nobody prints into it. What reads no pipe, as a
 * server in the background, has a fiftieth: it may be what was just started and is about to.
 */
export const settle = `sbx_settle() {
sbx_looks=0
while [ "$sbx_looks" -lt ${looks} ] && IFS=' ' read -r sbx_ sbx_ sbx_ sbx_ sbx_last </proc/loadavg && [ $((sbx_last - sbx_first)) -le ${youngest} ]; do
sbx_pid=$sbx_first sbx_found=
while [ -z "$sbx_found" ] && [ "$sbx_pid" -lt "$sbx_last" ]; do
sbx_fd=/proc/$((sbx_pid += 1))/fd
[ -e "$sbx_fd" ] || continue
[ "$sbx_looks" = 0 ] || [ -p "$sbx_fd/0" ] || continue
[ "$sbx_fd/1" -ef "/proc/$$/fd/1" ] || [ "$sbx_fd/1" -ef "/proc/$$/fd/4" ] || [ "$sbx_fd/2" -ef "/proc/$$/fd/4" ] && sbx_found=1
done
[ "$sbx_found" ] || return 0
sbx_looks=$((sbx_looks + 1))
sleep 0.02 || return 0
done
}`
