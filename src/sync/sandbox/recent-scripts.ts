/** The sh that tells what has changed lately below a root. It needs GNU find; others refuse it. */
import { quote } from '../../posix-sh.ts'
import { atBothHalves, shareTop } from './halves-script.ts'
import { lineFormat, scanExits, tellMounts, tellNow, tellUp } from './scan-script.ts'
import { toldBytes } from './told-files.ts'

/** Of so many that are recent the details are told at once, and the digest of what is no larger than that. */
const fewEntries = 64
const smallBytes = 1024 * 1024

export interface RecentRequest {
  readonly root: string
  /** In seconds. */
  readonly since: number
  /** Files whose digest is wanted in any case. */
  readonly asked: readonly string[]
  /** What came from the host since the look before: its content is known. */
  readonly sent: readonly string[]
  /**
   * How the paths of files of ours begin, outside of the root. They stay there, and no other look that may run at
   * the same time has the same.
   */
  readonly beside: string
  /** Whether two look at the same time, each at half of what is at the top. */
  readonly halves: boolean
}

/**
 * Calls `recentFunction`. It prints, each ended by NUL: the moment, the mounts, the lines of all that has a ctime
 * younger than `since`, and an empty one; and then, as `detailScript` does, the details of all of that and the digests
 * of `asked`; and then, if there are such, which of the lines are of small files, and NUL and their contents. `more`
 * instead of details is that there are too many. Any exit code but 0 and `noRoot` is: all has to be listed.
 *
 * The look has begun when the moment is told, and not longer ago than its two times since the kernel began are apart.
 */
export function recentCall({ root, since, asked, sent, beside, halves }: RecentRequest): string {
  // Of more there are no details.
  const known = sent.length > fewEntries ? [] : sent
  return `root=${quote(root)} since=${since.toFixed(3)} beside=${quote(beside)} asked=${quote(words(asked))}
sent=${quote(['', ...known.map((path) => `./${path}`), ''].join('\n'))}
sbx_recent ${halves ? 'halves' : 'all'}`
}

const opening = `LC_ALL=C TZ=UTC0
export LC_ALL TZ
cd -P "$root" 2>/dev/null && [ -r . ] && [ -x . ] || exit ${scanExits.noRoot}`

/** What has a name of several lines is told as `!`, so that all else is of one. */
const find = (where: string, list: string) =>
  `find ${where} -newerct "@$since" \\( -path "*$nl*" -printf '!\\n' -o -printf '${lineFormat}\\n' \\) 2>/dev/null >"$beside.${list}"`

const listing = (directories: string) =>
  `find ${directories} -mindepth 1 -maxdepth 1 -printf '${lineFormat}\\0' 2>/dev/null || exit ${scanExits.incomplete}`

const target = `printf '%s\\0' "$path"; readlink -n "$path"; printf '\\0'`

const digests = (files: string) => `sha256sum ${files} 2>/dev/null`

/**
 * What is new at the top by now is among the arguments, and what comes later is for the next look. Where one of them
 * goes away, all is listed. The first half begins with the root, of which it takes the line alone.
 */
const inHalves = `${shareTop}
: >"$beside.second" || exit ${scanExits.incomplete}
${atBothHalves(find(`. "$@" \\( ! -name . -o -prune \\)`, 'first'), `[ "$#" -eq 0 ] || ${find('"$@"', 'second')}`)} || exit ${scanExits.incomplete}`

/** Of the lines that are the arguments, by number too. */
const path = (number: string) => `\\"\\\${${number}#* * * * * * }\\"`

/** What is told as `!` has no details: all is listed then. */
const details = `targets() { for path; do ${target}; done; }
n=0 files= directories= links= hashing= told= contents= room=${toldBytes}
for line; do
  n=$((n + 1)) size=\${line#* * }
  size=\${size%% *}
  case $line in
    f*)
      [ "$size" -gt ${smallBytes} ] || files="$files ${path('$n')}"
      if [ "$size" -le "$room" ]; then
        case $sent in
          *"$nl\${line#* * * * * * }$nl"*) ;;
          *) room=$((room - size)) told="$told $n" contents="$contents ${path('$n')}" ;;
        esac
      fi ;;
    d*) directories="$directories ${path('$n')}" ;;
    l*) links="$links ${path('$n')}" ;;
  esac
done
if [ "$files$asked" ]; then
  eval "${digests('$files $asked')}" >"$beside.digests" &
  hashing=$!
fi
if [ "$directories" ]; then eval "${listing('$directories')}"; fi
printf '\\0'
eval "targets $links"
printf '\\0'
if [ "$hashing" ]; then
  wait "$hashing"
  while IFS= read -r line; do printf '%s\\n' "$line"; done <"$beside.digests" || exit ${scanExits.incomplete}
fi
if [ "$told" ]; then
  printf '\\0%s\\0' "\${told# }"
  eval "cat $contents" 2>/dev/null
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
nl='
'
if [ "$1" = halves ]; then
  lists='first second'
  ${inHalves}
else
  lists=all
  ${find('.', 'all')} || exit ${scanExits.incomplete}
fi
wait "$clock" || exit ${scanExits.incomplete}
set --
# A listing of another server takes away what is not its own: what is not there any more cannot be read.
for list in $lists; do
  while [ "$#" -le ${fewEntries} ] && IFS= read -r line; do set -- "$@" "$line"; done <"$beside.$list" || exit ${scanExits.incomplete}
done
if [ "$#" -gt ${fewEntries} ]; then
  for list in $lists; do tr '\\n' '\\0' <"$beside.$list" || exit ${scanExits.incomplete}; done
  printf '\\0more'
  exit 0
fi
[ "$#" -eq 0 ] || printf '%s\\0' "$@"
printf '\\0'
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
