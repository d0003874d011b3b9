/**
 * The POSIX sh that makes changes in the sandbox, for GNU and BusyBox tools alike. One archive comes in
 * on stdin: the new files and links below `new/`, and last `plan`, which proves that it is whole.
 */
import { patientRead, quote } from '../../posix-sh.ts'
import {
  clearing,
  confirmed,
  flush,
  judgeKept,
  parentOfPath,
  pushExits,
  pushOpening,
  putBack,
  uncut,
  unpack,
} from './parts.ts'

/** What is no more than this a shell reads itself: each process that is not started is a millisecond or more. */
const fewLines = 100

/** `todo` gets `<N> <verb> <before> ./<path>` of what holds. Digests are taken in one go. */
const judge = `
count() {
  total=0
  while [ "$total" -lt ${fewLines} ] && IFS= read -r line; do total=$((total + 1)); done < "$1"
  [ "$total" -lt ${fewLines} ] || total=$(wc -l < "$1")
}
# What did not fit on the disk would be taken for done: a loop tells of its last line alone.
whole() {
  count "$2"
  [ "$1" -eq "$total" ] || exit ${pushExits.noSpace}
}
# Of the files that the lines of $1 name; of a few without all those processes.
digests() {
  count "$1"
  if [ "$total" -lt ${fewLines} ]; then
    set -- "$1"
    while IFS= read -r line; do set -- "$@" "$line"; done < "$1"
    shift
    sha256sum "$@" 2>/dev/null | while ${patientRead} line; do
      line=\${line#\\\\}
      echo "\${line%% *}"
    done
  else
    tr '\\n' '\\0' < "$1" | xargs -0 sha256sum 2>/dev/null | sed 's/^\\\\//' | cut -c 1-64
  fi
}
all=0
while IFS= read -r line; do
  all=$((all + 1)) rest=\${line#* } path=\${line#* * }
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
n=0 held=0
while IFS= read -r line && IFS= read -r mark <&4; do
  n=$((n + 1)) rest=\${line#* }
  before=\${rest%% *}
  [ "$before" != @ ] || IFS= read -r target
  if [ "$mark" = h ]; then
    digest=
    IFS= read -r digest <&5
    if [ "$digest" = "$before" ]; then mark=k; fi
  fi
  if [ "$mark" = k ]; then
    held=$((held + 1))
    printf '%s %s\\n' "$n" "$line" >&6
    [ "$before" != @ ] || printf '%s\\n' "$target" >&7
  else echo "stale $n"; fi
done < "$plan" 4< "$stage/marks" 5< "$stage/got" 6> "$stage/todo" 7> "$stage/targets" || exit ${pushExits.noSpace}
[ "$n" -eq "$all" ] || exit ${pushExits.noSpace}
whole "$held" "$stage/todo"
`

/** Names of one directory gather in the arguments, and are carried out together. */
const carryOut = `
arrived() { ${uncut}; }
${flush}
doing= dir=
set --
while IFS= read -r line; do
  line=\${line#* }
  verb=\${line%% *} path=\${line#* * }
  name=./\${path##*/}
  ${parentOfPath}
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
replaced=0
while IFS= read -r line; do
  n=\${line%% *} rest=\${line#* } path=\${line#* * * }
  verb=\${rest%% *} rest=\${rest#* }
  before=\${rest%% *}
  [ "$before" != @ ] || IFS= read -r target <&6
  ${confirmed}
  ${judgeKept(`replaced=$((replaced + 1))
        printf '%s\\n' "$old" >&4
        printf '%s %s %s %s\\n' "$n" "$verb" "$before" "$path" >&5`)}
done < "$stage/todo" 4> "$stage/hash" 5> "$stage/replaced" 6< "$stage/targets"
whole "$replaced" "$stage/hash"
whole "$replaced" "$stage/replaced"
[ -s "$stage/hash" ] || : > "$stage/got"
[ ! -s "$stage/hash" ] || digests "$stage/hash" > "$stage/got"
while IFS= read -r line; do
  n=\${line%% *} rest=\${line#* } path=\${line#* * * }
  verb=\${rest%% *} rest=\${rest#* }
  digest=
  IFS= read -r digest <&4
  [ "$digest" != "\${rest%% *}" ] || continue
  ${putBack}
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

/**
 * Judges all lines, carries out those that hold in their order, and prints `stale N` for entry N of the
 * plan (from 1) where what is there is not what it says, `denied N` where the system refuses, and at
 * the end `done`. Files take their place by a rename. What they replace is kept until it is known that
 * nobody wrote to it meanwhile, and put back otherwise.
 */
export const pushScript = (
  root: string,
  stage: string,
): string => `root=${quote(root)} stage=${quote(stage)}
${pushOpening}
${clearing}
mkdir -m 700 "$stage" "$stage/new" "$stage/old" || exit ${pushExits.noSpace}
${unpack} || exit ${pushExits.noSpace}
${uncut}
plan=$stage/plan
${judge}
${carryOut}
(
${flushed}
) &
flushing=$!
${confirm}
# What is kept still is not needed any more.
: > "$stage/plan"
wait "$flushing"
echo done`
