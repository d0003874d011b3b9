/** The sh that tells what has changed lately below a root. It needs GNU find; others refuse it. */
import { quote } from '../posix-sh.ts'
import { lineFormat, scanExits, tellMounts, tellNow, tellUp } from './sandbox-scan-script.ts'

/** Of so many that are recent the details are told at once, and the digest of what is no larger than that. */
const fewEntries = 64
const smallBytes = 1024 * 1024

export interface RecentRequest {
  readonly root: string
  /** In seconds. */
  readonly since: number
  /** Files whose digest is wanted in any case. */
  readonly asked: readonly string[]
  /**
   * How the paths of files of ours begin, outside of the root. They stay there, and no other look that may run at
   * the same time has the same.
   */
  readonly beside: string
  /** Whether two look at the same time, each at half of the directories. */
  readonly halves: boolean
}

/**
 * Calls `recentFunction`. It prints, each ended by NUL: the moment, the mounts, the lines of all that has a ctime
 * younger than `since`, and an empty one; and then, as `detailScript` does, the details of all of that and the digests
 * of `asked`. `more` instead of details is that there are too many. Any exit code but 0 and `noRoot` is: all has to be
 * listed.
 *
 * The look has begun when the moment is told, and not longer ago than its two times since the kernel began are apart.
 */
export function recentCall({ root, since, asked, beside, halves }: RecentRequest): string {
  return `root=${quote(root)} since=${since.toFixed(3)} beside=${quote(beside)} asked=${quote(words(asked))}
sbx_recent ${halves ? 'halves' : 'all'}`
}

const opening = `LC_ALL=C TZ=UTC0
export LC_ALL TZ
cd -P "$root" 2>/dev/null && [ -r . ] && [ -x . ] || exit ${scanExits.noRoot}`

const find = (where: string, list: string) =>
  `find ${where} -newerct "@$since" -printf '${lineFormat}\\0' -fprintf "$beside.${list}" '%y %s %p\\n' 2>/dev/null`

const listing = (directories: string) =>
  `find ${directories} -mindepth 1 -maxdepth 1 -printf '${lineFormat}\\0' 2>/dev/null || exit ${scanExits.incomplete}`

const target = `printf '%s\\0' "$path"; readlink -n "$path"; printf '\\0'`

const digests = (files: string) => `sha256sum ${files} 2>/dev/null`

/** A listing of another server takes away what is not its own: what is not there any more may not have been read. */
const areThere = (lists: string, ending: string) => `for list in ${lists}; do
  [ -f "$beside.$list${ending}" ] || exit ${scanExits.incomplete}
done`

/**
 * What is new at the top by now is among the arguments, and what comes later is for the next look. Where one of the
 * directories goes away, all is listed. The halves are told by number: to add to the arguments copies all of them.
 */
const inHalves = `set -- ./* ./.[!.]* ./..?*
n=0 first= second=
for dir; do
  n=$((n + 1))
  [ -d "$dir" ] && [ ! -L "$dir" ] || continue
  if [ "\${#first}" -le "\${#second}" ]; then first="$first \\"\\\${$n}\\""; else second="$second \\"\\\${$n}\\""; fi
done
: >"$beside.first" && : >"$beside.second" || exit ${scanExits.incomplete}
(
  eval "set -- $second"
  [ "$#" -eq 0 ] || ${find('"$@" -mindepth 1', 'second')}
) >"$beside.second.lines" &
other=$!
(
  ${find('. -maxdepth 1', 'top')} || exit
  eval "set -- $first"
  [ "$#" -eq 0 ] || ${find('"$@" -mindepth 1', 'first')}
) >"$beside.first.lines" || exit ${scanExits.incomplete}
wait "$other" || exit ${scanExits.incomplete}`

const each = (kind: string, then: string) => `set --
for list in $lists; do
  while IFS= read -r entry; do
    path=\${entry#* * }
    case $entry in ${kind}\\ *) case $path in . | ./*) ${then} ;; esac ;; esac
  done <"$beside.$list"
done`

const isLarge = `entry=\${entry#* }; [ "\${entry%% *}" -gt ${smallBytes} ]`

/**
 * A name of several lines is none that there are details of: all is listed then. But what such a line says must not
 * be an option of what it is given to.
 */
const details = `n=0
for list in $lists; do
  [ -s "$beside.$list" ] || continue
  while [ "$n" -le ${fewEntries} ] && IFS= read -r entry; do n=$((n + 1)); done <"$beside.$list"
done
if [ "$n" -gt ${fewEntries} ]; then printf more; exit 0; fi
set --
hashing=
if [ "$n" -gt 0 ]; then
  ${each('f', `${isLarge} || set -- "$@" "$path"`)}
fi
eval "set -- \\"\\$@\\" $asked"
if [ "$#" -gt 0 ]; then
  ${digests('"$@"')} >"$beside.digests" &
  hashing=$!
fi
if [ "$n" -gt 0 ]; then
  ${each('d', 'set -- "$@" "$path"')}
  if [ "$#" -gt 0 ]; then ${listing('"$@"')}; fi
  printf '\\0'
  ${each('l', target)}
  printf '\\0'
else
  printf '\\0\\0'
fi
${areThere('$lists', '')}
if [ "$hashing" ]; then
  wait "$hashing"
  while IFS= read -r line; do printf '%s\\n' "$line"; done <"$beside.digests" || exit ${scanExits.incomplete}
fi`

/** It takes what `recentCall` tells it in variables, and ends the shell that it is called in. */
export const recentFunction = `sbx_recent() {
${opening}
${tellUp}
(
${tellNow}
printf '%s\\0' "$now $up $up2"
${tellMounts} || exit
printf '\\0'
) &
clock=$!
if [ "$1" = halves ]; then
  lists='top first second' found='first second'
  ${inHalves}
else
  lists=all found=all
  ${find('.', 'all')} >"$beside.all.lines" || exit ${scanExits.incomplete}
fi
wait "$clock" || exit ${scanExits.incomplete}
set --
for list in $found; do
  if [ -s "$beside.$list.lines" ]; then set -- "$@" "$beside.$list.lines"; fi
done
[ "$#" -eq 0 ] || cat "$@"
printf '\\0'
${areThere('$found', '.lines')}
${details}
exit 0
}`

/** Prints the lines of all that is in `directories`, each ended by NUL; an empty one; what links lead to, and the digests of files. */
export function detailScript(
  root: string,
  directories: readonly string[],
  links: readonly string[],
  files: readonly string[],
): string {
  return `root=${quote(root)}
${opening}
${directories.length === 0 ? '' : listing(words(directories))}
printf '\\0'
${links.length === 0 ? '' : `for path in ${words(links)}; do ${target}; done`}
printf '\\0'
${files.length === 0 ? '' : digests(words(files))}
exit 0`
}

const words = (paths: readonly string[]) =>
  paths.map((path) => quote(path === '' ? '.' : `./${path}`)).join(' ')
