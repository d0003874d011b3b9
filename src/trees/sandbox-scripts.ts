/**
 * The POSIX sh that a `SandboxTree` runs inside, for dash, bash and BusyBox alike. A script tells
 * what went wrong by its exit code (`exits`), and on stdout `<index of the change> <detail>`; what
 * tools print on stderr is never read. Paths get in by `quote` alone and are used with `./` before.
 *
 * What scripts have in common is functions, which a shell that runs many of them reads once.
 */
import { quote } from '../posix-sh.ts'

/** Exit codes of the scripts. Those of shells and tools are all others. */
export const exits = {
  outside: 70,
  missing: 71,
  /** Detail: its mode, in hexadecimal. */
  notFile: 72,
  /** Detail: the file that is used as a directory, from the root on; none where it is what was asked for. */
  notDirectory: 73,
  /** Detail: how many bytes it would be. */
  tooLarge: 74,
  /** Detail, instead of one index: all of them. */
  stale: 75,
  exists: 76,
  /** Detail: one of `deniedReasons`. */
  denied: 77,
  circle: 78,
  noRoot: 79,
  /** Detail: the index of the other. */
  twice: 80,
  cutShort: 81,
  busy: 82,
} as const

/** What a script can tell about why the disk refused. */
export const deniedReasons: Readonly<Record<string, string>> = {
  permission: 'permission denied, or the file system is read-only',
  space: 'no space is left on the device',
  missing: 'a part of its path is missing',
  replaced: 'a directory on the way was replaced meanwhile',
  turn: 'no space is left in /tmp, where a file says whose turn it is to write',
  failed: 'the file system refused it',
}

/**
 * `walk PATH follow|keep`: enters the directory that PATH leads to, or the deepest one on the way.
 * Sets `is` (directory, entry, link, nothing), `name` in it (`.` for a directory), and `below`, the
 * directories missing in between. The walk is physical: `cd -P` into one component after the other,
 * links read by itself, so that a link counts as inside only when every step of it is.
 */
export const walkFunctions = `
told=
fail() { code=$1; shift; printf '%s' "$index $*"; exit "$code"; }
enter() {
  LC_ALL=C; export LC_ALL
  root=$1 index=0 links=0
  cd -P "\${root:-/}" 2>/dev/null || fail ${exits.noRoot}
  base=$PWD
  [ "$base" != / ] || base=
}
walk() {
  cd -P "\${base:-/}" || fail ${exits.noRoot}
  todo=$1 below= is= name=. unreachable= hops=0
  while [ -n "$todo" ]; do
    part=\${todo%%/*}
    case $todo in */*) todo=\${todo#*/} ;; *) todo= ;; esac
    case $part in
      '' | .) continue ;;
      ..)
        if [ -n "$below" ]; then
          unreachable=1
          case $below in */*) below=\${below%/*} ;; *) below= ;; esac
        elif [ "$PWD" != "\${base:-/}" ]; then
          cd -P .. 2>/dev/null || fail ${exits.denied} permission
        elif [ -n "$base" ]; then
          fail ${exits.outside}
        fi
        continue ;;
    esac
    if [ -n "$below" ]; then
      below=$below/$part
    elif [ -z "$base" ] && { [ -n "$todo" ] || [ "$2" != keep ]; } && [ -d "./$part" ]; then
      # Nothing leads out of /, and some links of /proc mean another thing to each process.
      cd -P "./$part" 2>/dev/null || fail ${exits.denied} permission
    elif [ -L "./$part" ]; then
      if [ "$2" = keep ] && [ -z "$todo" ]; then is=link name=$part; break; fi
      links=1 hops=$((hops + 1))
      [ "$hops" -le 40 ] || fail ${exits.circle}
      target=$(readlink -n "./$part"; printf .)
      target=\${target%.}
      if [ -z "$target" ]; then todo=$part\${todo:+/$todo}; continue; fi
      case $target in
        /*)
          while :; do case $target in //*) target=\${target#/} ;; *) break ;; esac; done
          case $target/ in
            "$base"/*) target=\${target#"$base"} ;;
            "$root"/*) target=\${target#"$root"} ;;
            *) fail ${exits.outside} ;;
          esac
          cd -P "\${base:-/}" || fail ${exits.noRoot} ;;
      esac
      todo=$target\${todo:+/$todo}
    elif [ -d "./$part" ]; then
      cd -P "./$part" 2>/dev/null || fail ${exits.denied} permission
      case $PWD/ in "$base"/*) ;; *) fail ${exits.outside} ;; esac
    elif [ -e "./$part" ]; then
      # It was made since it was looked at.
      if [ -d "./$part" ]; then todo=$part\${todo:+/$todo}; continue; fi
      [ -z "$todo" ] || fail ${exits.notDirectory} "\${PWD#"$base"}/$part"
      is=entry name=$part
    else
      below=$part
    fi
  done
  [ -z "$unreachable" ] || fail ${exits.missing}
  [ -z "$is" ] || return 0
  case $below in
    '') is=directory ;;
    */*) is=nothing name=\${below##*/} below=\${below%/*} ;;
    *) is=nothing name=$below below= ;;
  esac
}
`

/** What every script begins with, after the functions; `root` is absolute. */
export function opening(root: string): string {
  return `enter ${rooted(root)}\n`
}

const rooted = (root: string) => quote(root.replace(/\/+$/, ''))

const present = `[ "$is" != nothing ] || fail ${exits.missing}\n`

/** What `statScript` and `readScript` need beside `walkFunctions`. */
export const readFunctions = `
facts() { exec stat -c '%f %s %Y %y' "./$name"; }
there() {
  enter "$1"
  walk "$2" follow
  [ "$is" != nothing ] || fail ${exits.missing}
}
file() {
  there "$1" "$2"
  [ -f "./$name" ] || fail ${exits.notFile} "$(stat -c %f "./$name")"
  [ -r "./$name" ] || fail ${exits.denied} permission
}
measured() {
  facts=$(facts) || fail ${exits.missing}
  size=\${facts#* } size=\${size%% *}
  size=$((size - $1))
  [ "$size" -le "$2" ] || fail ${exits.tooLarge} "$size"
}
# A file of the kernel gives less than a block at a time.
part() { exec dd if="./$name" bs="$1" skip="$2" count="$3" iflag=fullblock 2>/dev/null; }
# At the same time: each takes as long as its program takes to start.
partAndFacts() {
  exec 3>&1
  facts=$(facts & part "$@" >&3) || exit
}
# Without facts the file went away while it was read.
end() {
  [ "$facts" ] || fail ${exits.missing}
  printf "\\n%s$told" "$facts"
}
`

/** Prints `<mode> <size> <seconds> <time with its fraction>`. */
export function statScript(root: string, path: string): string {
  return `there ${rooted(root)} ${quote(path)}; facts`
}

export interface ReadPlan {
  readonly limitBytes: number
  /** Without it, the whole file. In bytes; what is sent begins and ends at multiples of `block`. */
  readonly range: { offset: number; length: number; block: number } | undefined
}

/** Prints the bytes, a newline and the line of `statScript`. */
export function readScript(root: string, path: string, { limitBytes, range }: ReadPlan): string {
  const file = `file ${rooted(root)} ${quote(path)}`
  if (range === undefined) {
    // Files of the kernel say 0 and have content.
    const all = `if [ "$size" -ne 0 ]; then cat "./$name"; else head -c ${limitBytes + 1} "./$name"; fi`
    return `${file}; measured 0 ${limitBytes}; ${all} || exit; end`
  }
  const { offset, length, block } = range
  if (length === 0) return `${file}; facts=$(facts); end`
  const skip = Math.floor(offset / block)
  const count = Math.ceil((offset + Math.min(length, limitBytes)) / block) - skip
  const part = `${block} ${skip} ${count}`
  if (length <= limitBytes) return `${file}; partAndFacts ${part}; end`
  return `${file}; measured ${offset} ${limitBytes}; (part ${part}) || exit; end`
}

/**
 * Prints `<mode> <size> <seconds> <time> ./<name>` and a newline for each entry, a NUL, and for
 * each link its `./<name>`, a NUL, its target, a NUL. No name holds a slash, so a line that has
 * ` ./` after a time begins an entry whatever the names are.
 */
export function listScript(root: string, path: string): string {
  return `${opening(root)}walk ${quote(path)} follow
${present}[ "$is" = directory ] || fail ${exits.notDirectory}
[ -r . ] && [ -x . ] || fail ${exits.denied} permission
find . -mindepth 1 -maxdepth 1 -exec stat -c '%f %s %Y %y %n' {} + 2>/dev/null
printf '\\0'
find . -mindepth 1 -maxdepth 1 -type l -exec sh -c '
  for link; do printf "%s\\0" "$link"; readlink -n "$link"; printf "\\0"; done' sh {} + 2>/dev/null
exit 0`
}
