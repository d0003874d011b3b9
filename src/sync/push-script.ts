/**
 * The POSIX sh that makes changes in the sandbox, for GNU and BusyBox tools alike. One archive comes in
 * on stdin: the new files and links below `new/`, and last `plan`, which proves that it is whole.
 */
import { quote } from '../posix-sh.ts'

export const pushExits = { noRoot: 79, noSpace: 84, cut: 85 } as const

/**
 * A line of the plan is `<verb> <before> ./<path>`. Before is the digest of a file, `@` for a link whose
 * target is the next line, `-` for nothing, and `=` where an earlier line sees to it.
 */
export type PushVerb = 'rm' | 'rmdir' | 'mkdir' | 'new' | 'put' | '+x' | '-x'

/**
 * Judges all lines, carries out those that hold in their order, and prints `stale N` for entry N of the
 * plan (from 1) where what is there is not what it says, `denied N` where the system refuses, and at
 * the end `done`. Files take their place by a rename. What they replace is kept until it is known that
 * nobody wrote to it meanwhile, and put back otherwise. What is told `early` is judged while the rest comes in.
 */
export const pushScript = (
  root: string,
  stage: string,
): string => `root=${quote(root)} stage=${quote(stage)} kept=
${pushing(unpacked)}`

/** A plan that is short: its text, and `keptDirectories` of its lines. */
export interface EarlyPlan {
  readonly plan: string
  readonly kept: readonly string[]
}

/** Calls `pushFunction`, which does the same and judges while the rest comes in. */
export function pushCall(root: string, stage: string, { plan, kept }: EarlyPlan): string {
  const directories = kept.map((path) => `"$stage/old/"${quote(path)}`).join(' ')
  return `root=${quote(root)} stage=${quote(stage)} kept=${quote(directories)} early=${quote(plan)}
sbx_push`
}

const unpack = `(umask 0; cd "$stage" && tar -xomf -)`

/** What is no more than this a shell reads itself: each process that is not started is a millisecond or more. */
const fewLines = 100

/** Removes what was left at the root by a push that was cut off: a directory with a name of ours. */
export const sweep = `for left in ./.sbx-*; do
  if [ "\${#left}" -eq 39 ] && [ -d "$left" ] && [ ! -L "$left" ]; then rm -rf "$left"; fi
done`

/** `todo` gets `<N> <verb> <before> ./<path>` of what holds. Digests are taken in one go. */
const judge = `
absent() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
count() {
  total=0
  while [ "$total" -lt ${fewLines} ] && IFS= read -r line; do total=$((total + 1)); done < "$1"
  [ "$total" -lt ${fewLines} ] || total=$(wc -l < "$1")
}
# Of the files that the lines of $1 name; of a few without all those processes.
digests() {
  count "$1"
  if [ "$total" -lt ${fewLines} ]; then
    set -- "$1"
    while IFS= read -r line; do set -- "$@" "$line"; done < "$1"
    shift
    sha256sum "$@" 2>/dev/null | while IFS= read -r line; do
      line=\${line#\\\\}
      echo "\${line%% *}"
    done
  else
    tr '\\n' '\\0' < "$1" | xargs -0 sha256sum 2>/dev/null | sed 's/^\\\\//' | cut -c 1-64
  fi
}
while IFS= read -r line; do
  rest=\${line#* } path=\${line#* * }
  case \${rest%% *} in
    -) if absent "$path"; then echo k; else echo s; fi ;;
    =) echo k ;;
    @)
      IFS= read -r target
      if [ -L "$path" ] && [ "$(readlink -n "$path"; echo .)" = "$target." ]; then echo k; else echo s; fi ;;
    *)
      if [ -f "$path" ] && [ ! -L "$path" ]; then
        printf '%s\\n' "$path" >&4
        echo h
      else echo s; fi ;;
  esac
done < "$plan" > "$stage/marks" 4> "$stage/hash" || exit ${pushExits.noSpace}
: > "$stage/got"
if [ -s "$stage/hash" ]; then
  digests "$stage/hash" > "$stage/got"
  # One that went away meanwhile has no line, and the others cannot be told apart any more.
  count "$stage/hash"
  hashed=$total
  count "$stage/got"
  [ "$hashed" -eq "$total" ] || : > "$stage/got"
fi
n=0
while IFS= read -r line && IFS= read -r mark <&4; do
  n=$((n + 1)) rest=\${line#* }
  before=\${rest%% *}
  [ "$before" != @ ] || IFS= read -r target
  if [ "$mark" = h ]; then
    digest=
    IFS= read -r digest <&5
    if [ "$digest" = "$before" ]; then mark=k; fi
  fi
  if [ "$mark" = k ]; then printf '%s %s\\n' "$n" "$line" >&6; else echo "stale $n"; fi
done < "$plan" 4< "$stage/marks" 5< "$stage/got" 6> "$stage/todo" || exit ${pushExits.noSpace}
`

/** Names of one directory gather in the arguments, and are carried out together. */
const carryOut = `
flush() {
  [ "$#" -gt 0 ] || return 0
  cd -P "$base/$dir" 2>/dev/null && [ "$PWD" = "$base\${dir:+/$dir}" ] || return 0
  here=$PWD from=$stage/new/$dir kept=$stage/old/$dir
  case $doing in
    mkdir) mkdir "$@" ;;
    rmdir) rmdir "$@" ;;
    +x | -x) chmod "$doing" "$@" ;;
    rm) { [ -d "$kept" ] || mkdir -p "$kept"; } && mv -f "$@" "$kept/" ;;
    new) cd "$from" && mv -n "$@" "$here/" ;;
    put)
      [ -d "$kept" ] || mkdir -p "$kept"
      ln "$@" "$kept/"
      # What cannot be kept is not replaced, nor what is another file by now than the one that is kept.
      for each in "$@"; do
        shift
        if [ "$kept/$each" -ef "$each" ] || [ -L "$kept/$each" ] || { absent "$kept/$each" && cp -p "$each" "$kept/$each"; }; then
          set -- "$@" "$each"
        fi
      done
      [ "$#" -eq 0 ] || { cd "$from" && mv -f "$@" "$here/"; } ;;
  esac
} 2>/dev/null
doing= dir=
set --
while IFS= read -r line; do
  line=\${line#* }
  verb=\${line%% *} path=\${line#* * }
  name=./\${path##*/} parent=\${path%/*}
  parent=\${parent#.} parent=\${parent#/}
  if [ "$verb" != "$doing" ] || [ "$parent" != "$dir" ] || [ "$#" -ge 200 ]; then
    flush "$@"
    doing=$verb dir=$parent
    set --
  fi
  set -- "$@" "$name"
done < "$stage/todo"
flush "$@"
cd -P "$base" || exit ${pushExits.noRoot}
`

const confirm = `
while IFS= read -r line; do
  n=\${line%% *} rest=\${line#* } path=\${line#* * * }
  verb=\${rest%% *} rest=\${rest#* }
  before=\${rest%% *} refused=
  case $verb in
    rm | rmdir) absent "$path" ;;
    mkdir) [ -d "$path" ] && [ ! -L "$path" ] ;;
    new | put) absent "$stage/new/$path" ;;
    +x) [ -x "$path" ] || { refused=1; false; } ;;
    -x) ! [ -x "$path" ] || { refused=1; false; } ;;
  esac || {
    if [ -n "$refused" ] || [ ! -w "\${path%/*}" ]; then echo "denied $n"; else echo "stale $n"; fi
    continue
  }
  case $verb-$before in
    rm-[0-9a-f]* | put-[0-9a-f]*)
      if [ -f "$stage/old/$path" ] && [ ! -L "$stage/old/$path" ]; then
        printf '%s\\n' "$stage/old/$path" >&4
        printf '%s %s %s %s\\n' "$n" "$verb" "$before" "$path" >&5
      fi ;;
  esac
done < "$stage/todo" 4> "$stage/hash" 5> "$stage/replaced"
[ -s "$stage/hash" ] || : > "$stage/got"
[ ! -s "$stage/hash" ] || digests "$stage/hash" > "$stage/got"
while IFS= read -r line; do
  n=\${line%% *} rest=\${line#* } path=\${line#* * * }
  verb=\${rest%% *} rest=\${rest#* }
  digest=
  IFS= read -r digest <&4
  [ "$digest" != "\${rest%% *}" ] || continue
  case $verb in
    rm) mv -n "$stage/old/$path" "$path" ;;
    put) mv -f "$stage/old/$path" "$path" ;;
  esac
  echo "stale $n"
done < "$stage/replaced" 4< "$stage/got"
`

/** What is agreed on must be there after a power cut too: an empty file would look like an edit. */
const flushed = `
count "$stage/todo"
if [ "$total" -lt ${fewLines} ]; then
  set --
  while IFS= read -r line; do
    rest=\${line#* }
    case \${rest%% *} in new | put) set -- "$@" "\${line#* * * }" ;; esac
  done < "$stage/todo"
  [ "$#" -eq 0 ] || sync "$@" 2>/dev/null
else
  sync -f . 2>/dev/null || sync
fi`

const unpacked = `${unpack} || exit ${pushExits.noSpace}
[ -f "$stage/plan" ] || exit ${pushExits.cut}
plan=$stage/plan
${judge}`

/** What runs beside a shell has no stdin unless it is given one. */
const judgedMeanwhile = `exec 3<&0
${unpack} <&3 &
unpacking=$!
exec 3<&-
plan=$stage/early
printf %s "$early" >"$plan" || exit ${pushExits.noSpace}
${judge}
wait "$unpacking" || exit ${pushExits.noSpace}
[ -f "$stage/plan" ] || exit ${pushExits.cut}`

const pushing = (judged: string) => `LC_ALL=C
export LC_ALL
cd -P "$root" 2>/dev/null || exit ${pushExits.noRoot}
base=$PWD
${sweep}
stage=$base/$stage
trap 'wait; rm -rf "$stage"' EXIT
trap 'exit 129' HUP
trap 'exit 143' TERM
eval "mkdir -m 700 \\"\\$stage\\" \\"\\$stage/new\\" \\"\\$stage/old\\" $kept" || exit ${pushExits.noSpace}
${judged}
${carryOut}
(
${flushed}
) &
flushing=$!
${confirm}
wait "$flushing"
echo done`

/** It takes what `pushCall` tells it in variables, and is the last of the shell that it is called in. */
export const pushFunction = `sbx_push() {
${pushing(judgedMeanwhile)}
}`
