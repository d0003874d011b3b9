/** Scripts that look at many paths of a `SandboxTree` in one round trip. Paths get in by `quote` alone. */
import { quote } from '../posix-sh.ts'
import { exits, opening, readScript } from './sandbox-scripts.ts'

/** As much of an ignore file as counts. */
const ignoreFileBytes = 64 * 1024

const words = (paths: readonly string[]) => paths.map((path) => quote(`./${path}`)).join(' ')

/** Links on the way to them lead anywhere: what is told of a path is no more than whether it changed. */
const enter = `cd -P "\${base:-/}" || fail ${exits.noRoot}\n`

const look = (paths: readonly string[]) => `date +%s
stat -L -c '%f %d:%i %s %Y %y %Z %z %n' ${words(paths)} 2>/dev/null
`

/**
 * Prints the time in seconds, and for each path that leads to something
 * `<mode> <device>:<inode> <size> <mtime> <mtime in words> <ctime> <ctime in words> ./<path>`.
 */
export function looksScript(root: string, paths: readonly string[]): string {
  return `${opening(root)}${enter}${look(paths)}exit 0`
}

/**
 * Prints what `looksScript` does, of the directories and their ignore files, and a NUL; `<mode> <size> <seconds> <time> ./<directory>/<name>` and a
 * newline for each entry, and a NUL; then for each `.gitignore` that is a file `./<directory>`, a NUL,
 * what is in it without NULs, a NUL. A directory that is none any more, or a link, has no entries.
 */
export function listManyScript(root: string, directories: readonly string[]): string {
  const ignoreFiles = directories.map((path) => `${path === '' ? '' : `${path}/`}.gitignore`)
  return `${opening(root)}${enter}${look([...directories, ...ignoreFiles])}printf '\\0'
set -- ${words(directories)}
find "$@" -mindepth 1 -maxdepth 1 -exec stat -c '%f %s %Y %y %n' {} + 2>/dev/null
printf '\\0'
for directory; do
  file=$directory/.gitignore
  [ -f "$file" ] && [ ! -L "$file" ] && [ -r "$file" ] || continue
  printf '%s\\0' "$directory"
  head -c ${ignoreFileBytes} "$file" | tr -d '\\000'
  printf '\\0'
done
exit 0`
}

/** Prints `<index> <mode> <size> <seconds> <time>` for each path that leads, inside, to something. */
export function statManyScript(root: string, paths: readonly string[]): string {
  return `${opening(root)}index=0
for path in ${paths.map(quote).join(' ')}; do
  facts=$(walk "$path" follow >/dev/null; [ "$is" != nothing ] && stat -c '%f %s %Y %y' "./$name") &&
    printf '%s %s\\n' "$index" "$facts"
  index=$((index + 1))
done
exit 0`
}

/**
 * Prints for each path what `readScript` does of its first `count` blocks, and `\n<token> <exit code>\n`. Needs what that
 * needs; `token` is unguessable.
 */
export function readManyScript(
  root: string,
  paths: readonly string[],
  token: string,
  part: { readonly block: number; readonly count: number },
): string {
  const range = { offset: 0, length: part.block * part.count, block: part.block }
  const plan = { limitBytes: range.length, range }
  const one = (path: string) =>
    `(told=; ${readScript(root, path, plan)})\nprintf '\\n${token} %s\\n' "$?"`
  return `${opening(root)}${paths.map(one).join('\n')}\nexit 0`
}
