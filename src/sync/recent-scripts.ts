/** The sh that tells what has changed lately below a root. It needs GNU find; others refuse it. */
import { quote } from '../posix-sh.ts'
import { lineFormat, scanExits, tellMoment, tellMounts } from './sandbox-scan-script.ts'

const opening = (root: string) => `LC_ALL=C TZ=UTC0
export LC_ALL TZ
cd -P ${quote(root)} 2>/dev/null && [ -r . ] && [ -x . ] || exit ${scanExits.noRoot}`

/**
 * Prints, each ended by NUL: the moment, the mounts, and the lines of all that has a ctime younger than
 * `since`; and then digests of `asked`. Any exit code but 0 and `noRoot` is: all has to be listed. With `beside`, a
 * directory outside of the root for a file of ours, two look at the same time, each at half of the directories.
 */
export function recentScript(
  root: string,
  since: number,
  asked: readonly string[],
  beside?: string,
): string {
  const tests = `-newerct @${since.toFixed(3)} -printf '${lineFormat}\\0' 2>/dev/null`
  const find =
    beside === undefined
      ? `find . ${tests} || exit ${scanExits.incomplete}`
      : inHalves(tests, beside)
  return `${opening(root)}
${tellMoment}
printf '%s\\0' "$now $up $up2"
${tellMounts} || exit ${scanExits.incomplete}
printf '\\0'
${find}
${asked.length === 0 ? '' : `printf '\\0'\n${digests(asked)}\n`}exit 0`
}

/**
 * What is new at the top by now is among the arguments, and what comes later is for the next look. Without the
 * directory for the file, or when one of the directories goes away, all is listed.
 */
const inHalves = (tests: string, beside: string) => `half=${quote(beside)}/half.$$
trap 'rm -f "$half"' EXIT
set --
for dir in ./* ./.[!.]* ./..?*; do
  if [ -d "$dir" ] && [ ! -L "$dir" ]; then set -- "$@" "$dir"; fi
done
below() { [ "$#" -eq 0 ] || find "$@" -mindepth 1 ${tests}; }
(shift $(($# / 2)); below "$@") >"$half" || exit ${scanExits.incomplete} &
other=$!
find . -maxdepth 1 ${tests} || exit ${scanExits.incomplete}
(
  first=$(($# / 2)) n=0
  for dir; do
    shift
    if [ $((n += 1)) -le "$first" ]; then set -- "$@" "$dir"; fi
  done
  below "$@"
) || exit ${scanExits.incomplete}
wait "$other" || exit ${scanExits.incomplete}
[ -f "$half" ] || exit ${scanExits.incomplete}
if [ -s "$half" ]; then cat "$half"; fi`

/** Prints the lines of all that is in `directories`, each ended by NUL; an empty one; what links lead to, and the digests of files. */
export function detailScript(
  root: string,
  directories: readonly string[],
  links: readonly string[],
  files: readonly string[],
): string {
  const listing =
    directories.length === 0
      ? ''
      : `find ${words(directories)} -mindepth 1 -maxdepth 1 -printf '${lineFormat}\\0' 2>/dev/null || exit ${scanExits.incomplete}\n`
  const targets =
    links.length === 0
      ? ''
      : `for path in ${words(links)}; do printf '%s\\0' "$path"; readlink -n "$path"; printf '\\0'; done\n`
  return `${opening(root)}
${listing}printf '\\0'
${targets}printf '\\0'
${files.length === 0 ? '' : `${digests(files)}\n`}exit 0`
}

const digests = (files: readonly string[]) => `sha256sum ${words(files)} 2>/dev/null`

const words = (paths: readonly string[]) =>
  paths.map((path) => quote(path === '' ? '.' : `./${path}`)).join(' ')
