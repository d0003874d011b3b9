/** The scripts that look after sandboxes on an SSH host. They need sh and BusyBox-level tools. */
import { ownership, quote } from '../../posix-sh.ts'
import { recordField } from './record.ts'
import { sandboxVariable } from './waiting-shells.ts'

/** What a script answers in its exit code when it did not do what it is for. */
export const answer = {
  absent: 3,
  foreign: 4,
  noRoot: 5,
  unwritable: 6,
  elsewhere: 7,
  lacking: 8,
} as const

/** What a new sandbox's directory is to hold beside its record. */
export interface Wanted {
  readonly name: string
  readonly directories: readonly string[]
}

/**
 * Sets `root`, the directory of the sandboxes, and has `cd` go where it is told: with a CDPATH of the account it may go
 * elsewhere, and prints where it went.
 */
const rootOf = (workspaceRoot: string) => `unset CDPATH; root=${rootWord(workspaceRoot)}`

/** A shell word for the directory of the sandboxes; `~/` is the home of the remote user. */
function rootWord(workspaceRoot: string): string {
  if (!workspaceRoot.startsWith('~/')) return quote(workspaceRoot)
  return `"$HOME"/${quote(workspaceRoot.slice(2))}`
}

/**
 * Prints the sandbox's directory and, on the next line, its record. A directory that is a link, is
 * somebody else's or has no record was not made by us. A root that is missing in it stays so: made here
 * it would be an empty one, and look as if somebody had emptied it.
 */
export function probeScript(workspaceRoot: string, name: string): string {
  return `${rootOf(workspaceRoot)}; name=${quote(name)}
${trustedRoot}
${ownership}
${sweep}
${probe}`
}

/** What scripts that were killed have left here, of whatever sandbox; large trees go in the background. */
const sweep = `for old in "$root"/.stage-sbx-* "$root"/.gone-sbx-*; do
if left "$old" && mine "$old"; then rm -rf -- "$old" </dev/null >/dev/null 2>&1 & fi
done`

const trustedRoot = `mine() {
[ -d "$1" ] && [ ! -L "$1" ] || return 1
set -- $(ls -ldn "$1")
[ "$3" = "$(id -u)" ]
}
if [ -e "$root" ] || [ -L "$root" ]; then
[ -d "$root" ] || { echo "$root is not a directory" >&2; exit ${answer.noRoot}; }
root=$(cd -- "$root" && pwd -P) || exit ${answer.noRoot}
fi`

const recorded = `mine "$dir" && [ -f "$dir/record" ] && [ ! -L "$dir/record" ] || exit ${answer.foreign}
record=$(cat "$dir/record")`

const probe = `dir=$root/$name
if [ ! -e "$dir" ] && [ ! -L "$dir" ]; then exit ${answer.absent}; fi
${recorded}
printf '%s\\n' "$dir" "$record"`

/**
 * Makes the sandbox with the record from stdin, unless there is one, then prints what the probe does.
 * It appears by one rename of a complete directory, which an existing one is never replaced by.
 */
export function createScript(workspaceRoot: string, wanted: Wanted, token: string): string {
  const { name, directories } = wanted
  return `${rootOf(workspaceRoot)}; name=${quote(name)}
lacking=$(${missingOf(needed)})
[ -z "$lacking" ] || { echo $lacking >&2; exit ${answer.lacking}; }
umask 077
mkdir -p -- "$root" || exit ${answer.unwritable}
${trustedRoot}
cd -- "$root" || exit ${answer.noRoot}
${ownership}
stage=.stage-$name-${token}-$owner
trap 'rm -rf -- "$stage"' EXIT
trap 'exit 129' HUP
mkdir -p -- "$stage/$name" && cat >"$stage/$name/record" &&
IFS= read -r whole <"$stage/$name/record" &&
(umask 022 && cd -- "$stage/$name" && mkdir -- ${directories.map(quote).join(' ')}) || exit ${answer.unwritable}
if [ ! -e "$name" ] && [ ! -L "$name" ]; then mv -f -- "$stage/$name" . 2>/dev/null; fi
${probe}`
}

/** Replaces the record of the sandbox in `directory` by the one from stdin. */
export function recordScript(directory: string, token: string): string {
  return `umask 077
cd -- ${quote(directory)} && cat >.record-${token} && IFS= read -r whole <.record-${token} &&
mv -f -- .record-${token} record || exit ${answer.unwritable}`
}

/** Prints every record, one a line. */
export function listScript(workspaceRoot: string): string {
  return `${rootOf(workspaceRoot)}
${trustedRoot}
for dir in "$root"/sbx-*; do
mine "$dir" && [ -f "$dir/record" ] && cat "$dir/record"
done
exit 0`
}

/**
 * Ends what runs in the sandbox, and deletes it: out of sight first, so that it is never half there.
 * All are stopped before the first is killed: a command that died while its guard could still answer
 * would look as if it had ended by itself. What a process forks while it is looked for is found in the
 * next round. Where the record names another sandbox or target nothing is done, and the record is
 * printed.
 *
 * One head reads the environments of all processes, as a host may run a thousand, and grep cannot: that of
 * BusyBox sees a line up to its first NUL.
 */
export function removeScript(
  workspaceRoot: string,
  name: string,
  target: string,
  token: string,
): string {
  const mark = `${sandboxVariable}=${name}`
  return `${rootOf(workspaceRoot)}; name=${quote(name)}
${trustedRoot}
dir=$root/$name
if [ -e "$dir" ] || [ -L "$dir" ]; then
${recorded}
case $record in *${quote(recordField('name', name))}*) ;; *) exit ${answer.foreign} ;; esac
case $record in *${quote(recordField('target', target))}*) ;; *) printf '%s\\n' "$record"; exit ${answer.elsewhere} ;; esac
${ownership}
gone=$root/.gone-$name-${token}-$owner
mkdir -- "$gone" && mv -f -- "$dir" "$gone/" || exit ${answer.unwritable}
fi
round=0 signal=STOP
while [ "$round" -lt 9 ]; do
round=$((round + 1)); found=
for pid in $(head -v -c 1000000 /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' |
sed -n -e '/^==> \\/proc\\/[0-9]*\\/environ <==$/{s/[^0-9]//g;h;}' -e ${quote(`/^${mark}$/{x;p;x;}`)}); do
tr '\\0' '\\n' <"/proc/$pid/environ" 2>/dev/null | grep -qxF ${quote(mark)} &&
kill "-$signal" "$pid" 2>/dev/null && found=1
done
[ "$found" ] || break
signal=KILL
done
for left in "$root"/.gone-"$name"-* "$root"/.stage-"$name"-*; do
[ -e "$left" ] || continue
rm -rf -- "$left" 2>/dev/null || { chmod -R u+rwX -- "$left"; rm -rf -- "$left"; } || exit ${answer.unwritable}
done`
}

/** Without them a workspace cannot be filled, or its files not be told apart. */
const needed = 'cat dd id ls mkdir mv rm sha256sum stat tar'

const missingOf = (tools: string) =>
  `for tool in ${tools}; do command -v "$tool" >/dev/null || echo "$tool"; done`

/** Prints the name of every tool that is missing. */
export const toolsScript = `${missingOf(`${needed} find grep head kill sed setsid tr`)}; [ -r /proc/self/environ ] || echo /proc`
