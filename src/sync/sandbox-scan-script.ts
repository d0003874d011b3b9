/**
 * The POSIX sh that lists a tree in the sandbox, for GNU and BusyBox tools alike.
 *
 * It keeps its last listing there and prints what is different now. Names with a newline are told
 * apart by `find` itself; every other entry is one line, and a name is all that follows ` ./`.
 */
import { quote } from '../posix-sh.ts'
import { atBothHalves, shareTop } from './halves-script.ts'

/** `disturbed`: another scan has taken away what this one had written down. */
export const scanExits = { noRoot: 79, incomplete: 83, noSpace: 84, disturbed: 85 } as const

/** What GNU find is asked for of each entry. */
export const lineFormat = '%y %m %s %i %C@ %T@ %p'

/** Sets `up`: the seconds since the kernel began. */
export const tellUp = `read -r up _ 2>/dev/null </proc/uptime`

/** Sets `now`, the time as a scan has it, and `up2`, the seconds since the kernel began. */
export const tellNow = `now=\${EPOCHREALTIME-}
[ -n "$now" ] || now=$(date +%s.%N)
case $now in *[!0-9.]*) now=\${now%%.*} ;; esac
read -r up2 _ 2>/dev/null </proc/uptime`

/** Prints what is mounted: without a process where bash can, which is not text for other shells. */
export const tellMounts = `if command -v mapfile >/dev/null; then eval 'mapfile mounts && printf %s "\${mounts[@]}"'; else cat; fi </proc/self/mountinfo 2>/dev/null`

const digestsOfLines = `tr '\\n' '\\0' | xargs -0 -r sha256sum 2>/dev/null`

/** Reads paths as `scanScript` does, and prints their digests. */
export const digestScript = (root: string) => `LC_ALL=C
export LC_ALL
cd -P ${quote(root)} 2>/dev/null || exit ${scanExits.noRoot}
${digestsOfLines}
exit 0`

export interface ScanRequest {
  readonly root: string
  /** Absolute, in the sandbox: where the listings are kept. Made if it is missing. */
  readonly stateDirectory: string
  /** The listing that the answer is relative to; all is told when it is not there any more. */
  readonly since: string | undefined
  /** What the new listing is called. */
  readonly next: string
  /** Whether the content of what is new is told too. */
  readonly hashes: boolean
  /** Whether stdin holds paths. */
  readonly asks: boolean
  /** Whether two look at the same time, each at half of what is at the top; where find is GNU's. */
  readonly halves: boolean
}

/**
 * Reads paths, each with its `./` and a newline, whose content is told in any case. Programs are started
 * only for what there is: each takes a millisecond. Prints, each
 * part ended by a line `.`: the time in seconds, and `all` or `changes`; where find is GNU's, the seconds since the
 * kernel began, the root's own line, its real path, and what is mounted; the lines that are new; those that are gone; lines
 * of `sha256sum`; and for links their path and target, each ended by NUL.
 *
 * A line is `<type> <mode> <size> <inode> <ctime> <mtime> ./<path>` by GNU find, the same with the
 * raw mode in hexadecimal instead of type and mode by stat, `! <inode> ./<directory>/` for a name with
 * a newline in it, and `? ./<directory>/` for one that cannot be read.
 */
export function scanScript(request: ScanRequest): string {
  const { root, stateDirectory, since, next, hashes, asks, halves } = request
  return `LC_ALL=C TZ=UTC0
export LC_ALL TZ
umask 077
nl='
'
cd -P ${quote(root)} 2>/dev/null && [ -r . ] && [ -x . ] || exit ${scanExits.noRoot}
dir=${quote(stateDirectory)}
[ -d "$dir" ] || mkdir -p "$dir" 2>/dev/null
[ -w "$dir" ] || exit ${scanExits.noSpace}
old="$dir/"${quote(since ?? 'none')}
new="$dir/"${quote(next)}
work="$new.work"
trap 'rm -f "$work".*' EXIT
found="$old"; [ -f "$old" ] || found=
# What a server that was killed has left running takes away what is not its own.
intact() {
  for path in "$work.asked" "$new" "$found" "$@"; do
    [ -z "$path" ] || [ -f "$path" ] || exit ${scanExits.disturbed}
  done
}
failed() { intact; exit "$1"; }
sorted() { sort "$@" && : > "$work.sorted"; }
${tellUp}
${tellNow}
echo "$now"
${asks ? 'cat' : ':'} > "$work.asked" || exit ${scanExits.noSpace}
if top=$(find . -maxdepth 0 -printf '${lineFormat}' 2>/dev/null); then
  ${halves ? listHalves : listing('. -mindepth 1', '$new', 'errors')}
else
  top=
  find . -mindepth 1 -name "*$nl*" -prune -exec sh -c '
      for path; do printf "! %s %s/\\n" "$(stat -c %i "$path")" "\${path%/*}"; done' sh {} + -o \\
    -exec stat -c '%f %s %i %Z %y %z %n' {} + > "$new" 2> "$work.errors"
fi
# What went away meanwhile is gone. What may not be read is not.
if [ -s "$work.errors" ] && grep -v 'No such file or directory$' "$work.errors" > /dev/null; then
  find . -mindepth 1 -type d ! -name "*$nl*" -exec sh -c '
    for path; do [ -r "$path" ] && [ -x "$path" ] || printf "? %s/\\n" "$path"; done' sh {} + \\
    > "$work.closed" 2>/dev/null
  [ -s "$work.closed" ] || failed ${scanExits.incomplete}
  cat "$work.closed" >> "$new" || failed ${scanExits.noSpace}
fi
moment() {
  if [ "$top" ]; then
    printf '%s\\n' "$up $up2" "$top" "$PWD"
    ${tellMounts}
  fi
  echo .
}
# What links lead to is found out while the rest is told.
links() {
  [ ! -s "$added" ] || sed -n -e 's,^l [^/]*/,./,p' -e 's,^a[0-9a-f][0-9a-f][0-9a-f] [^/]*/,./,p' "$added" |
    tr '\\n' '\\0' | xargs -0 -r sh -c '
      for path; do printf "%s\\0" "$path"; readlink -n "$path"; printf "\\0"; done' sh
}
added="$work.added"
if [ "$found" ]; then
  echo changes
  moment
  if cmp -s "$old" "$new"; then
    : > "$work.added"
    echo .
  else
    sorted "$old" "$old" "$new" | uniq -u > "$work.added" && rm "$work.sorted" || failed ${scanExits.noSpace}
    cat "$work.added"
    echo .
    sorted "$old" "$new" "$new" | uniq -u && rm "$work.sorted" || failed ${scanExits.noSpace}
  fi
  links > "$work.links" &
  linking=$!
else
  echo all
  moment
  added="$new"
  links > "$work.links" &
  linking=$!
  cat "$new"
  echo .
fi
echo .
${hashes ? hashAdded : ''}
[ ! -s "$work.asked" ] || { ${digestsOfLines}; } < "$work.asked"
echo .
wait "$linking" || failed ${scanExits.noSpace}
intact "$work.errors" "$added" "$work.links"
[ ! -s "$work.links" ] || cat "$work.links"
trap - EXIT
set -- "$work".*
for path in "$dir"/*; do
  case $path in "$old" | "$new" | "$work".*) ;; *) set -- "$@" "$path" ;; esac
done
rm -f "$@"
exit 0`
}

const listing = (where: string, to: string, errors: string) =>
  `find ${where} -name "*$nl*" -prune -printf '! %i %h/\\n' -o -printf '${lineFormat}\\n' > "${to}" 2> "$work.${errors}"`

/** What find says about what it could not read is in the errors, and not its exit code. */
const half = (to: string, errors: string) => `[ "$#" -eq 0 ] || ${listing('"$@"', to, errors)} || :`

const listHalves = `${shareTop}
for path in "$new" "$work.second" "$work.errors" "$work.errors2"; do : > "$path" || exit ${scanExits.noSpace}; done
${atBothHalves(half('$new', 'errors'), half('$work.second', 'errors2'))}
cat "$work.second" >> "$new" && cat "$work.errors2" >> "$work.errors" || { intact "$work.second" "$work.errors2"; exit ${scanExits.noSpace}; }`

const hashAdded = `[ ! -s "$added" ] ||
  sed -n -e 's,^f [^/]*/,./,p' -e 's,^8[0-9a-f][0-9a-f][0-9a-f] [^/]*/,./,p' "$added" | ${digestsOfLines}`
