/**
 * The programs inside a sandbox: for dash, bash and BusyBox, with nothing else but `setsid`.
 *
 * Opening a FIFO waits for the other end, for ever when the server has died. So each is opened for
 * both directions first, which does not wait, and then for the one that is meant.
 *
 * What the sandbox's environment has a variable of stays exported when it is assigned to, and scripts would see
 * what we need it for. So what is kept here are positional parameters, or is named `sbx_`, which is nobody else's.
 */
import { createHash } from 'node:crypto'
import { channelsInside } from './arguments.ts'

/**
 * Stops a fork bomb. Linux counts per user namespace since 5.14; before, it counts all threads of the
 * user, so the number is one that no desktop comes near. dash spells the option `-p`, others `-u`.
 */
const processLimit = 8192

/**
 * Reads from `requests`, opened for writing too so that it never ends. Its stdin is a leash until
 * the record of it is stored: a server that dies before leaves no holder behind. Such a one may still
 * come to life in the directory of its successor, so a holder says whose it is.
 *
 * An asynchronous list would start handlers with SIGINT and SIGQUIT ignored for good (POSIX, 2.11);
 * `setsid -f` forks by itself, and by its path, because BusyBox's sh would take its own, which
 * cannot. Where there is no other, the signals stay ignored.
 */
export const holderScript = `exec 8<>${channelsInside}/alive 9>${channelsInside}/alive 8>&-
echo "here $1" >&9
IFS= read -r sbx_ || exit 1
exec <>${channelsInside}/requests
ulimit -c 0
exec 2>/dev/null
ulimit -u ${processLimit} || ulimit -p ${processLimit}
echo ready >&9
set -- setsid
[ -x /usr/bin/setsid ] && set -- /usr/bin/setsid
if "$1" -f true; then
while IFS= read -r sbx_; do "$1" -f sh ${channelsInside}/handler "$sbx_" </dev/null 9>&-; done
else
while IFS= read -r sbx_; do ( setsid sh ${channelsInside}/handler "$sbx_" </dev/null 9>&- & ); done
fi
`

/**
 * Stays beside its script to tell the exit code, out of reach of signals to the script's group. The
 * script has a process of its own, which leads that group.
 */
export const handlerScript = `set -- "${channelsInside}/$1"
exec 8<>"$1.exit" 9>"$1.exit" 8>&- || exit
setsid sh -c "exec 8<>$1.in <$1.in 8>&- 8<>$1.out >$1.out 8>&- 8<>$1.err 2>$1.err 8>&-
echo s >&9; exec 9>&-; IFS= read -r sbx_ && unset sbx_ && . $1.sh" sh
echo "e$?" >&9
`

/** Changes whenever servers with the older scripts could not talk to the holder any more. */
export const protocol = 1

/** Tells whether a holder is what these arguments would make. */
export function hashOf(args: readonly string[]): string {
  return createHash('sha256')
    .update([...args, holderScript, handlerScript].join('\0'))
    .digest('hex')
}
