/**
 * The POSIX sh that makes a few small changes in the sandbox. It does what `pushScript` does, and is told the plan in
 * words that no shell has to read, before the archive is there: most of what it costs is programs, and what they wait for.
 */
import { quote } from '../../posix-sh.ts'
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
import { keptDirectories, type PushLine, planWords } from './plan.ts'

/** Calls `smallPushFunction`. `lines` are those of the archive's plan; the answer is that of `pushScript`. */
export function smallPushCall(root: string, stage: string, lines: readonly PushLine[]): string {
  const kept = keptDirectories(lines).map((path) => `"$stage/old/"${quote(path)}`)
  return `root=${quote(root)} stage=${quote(stage)} kept=${quote(kept.join(' '))}
sbx_push ${lines.flatMap(planWords).map(quote).join(' ')}`
}

/** Sets `verb`, `before` and `path` to those of line `n`, of which three arguments each are. */
const line = `eval "verb=\\\${$((3 * n - 2))} before=\\\${$((3 * n - 1))} path=\\\${$((3 * n))}"`

/** A word that is the path of line `n`. */
const path = `\\\${$((3 * n))}`

/** Sets `found<N>` for each N in `numbers` to the digest of its file in `names`, if all of these can be read. */
const digests = `digests() {
  sums=$(eval "exec sha256sum $names" 2>/dev/null)
  set -f
  IFS=$nl
  set -- $sums
  unset IFS
  set +f
  # One that went away meanwhile has no line, and the others cannot be told apart any more.
  [ "$#" -eq "$many" ] || return 0
  for n in $numbers; do
    sum=\${1#\\\\}
    eval "found$n=\\\${sum%% *}"
    shift
  done
}`

/** Sets `todo` to the numbers of the lines that hold. */
const judge = `n=0 names= numbers= many=0
while [ "$n" -lt "$count" ]; do
  n=$((n + 1))
  ${line}
  case $before in - | = | @*) continue ;; esac
  if [ -f "$path" ] && [ ! -L "$path" ]; then
    names="$names \\"${path}\\"" numbers="$numbers $n" many=$((many + 1))
  fi
done
[ "$many" -eq 0 ] || digests "$@"
n=0 todo=
while [ "$n" -lt "$count" ]; do
  n=$((n + 1))
  ${line}
  eval "found=\\\${found$n-}"
  if case $before in
    -) absent "$path" ;;
    =) ;;
    @*) [ -L "$path" ] && [ "$(readlink -n "$path"; echo .)" = "\${before#@}." ] ;;
    *) [ "$found" = "$before" ] ;;
  esac; then todo="$todo $n"; else echo "stale $n"; fi
done`

/** Names of one directory are carried out together. */
const carryOut = `arrived() {
  [ -z "$unpacking" ] || wait "$unpacking" || exit ${pushExits.noSpace}
  unpacking=
  ${uncut}
}
${flush}
doing= dir= names=
for n in $todo; do
  ${line}
  ${parentOfPath}
  if [ "$verb" != "$doing" ] || [ "$parent" != "$dir" ]; then
    eval "flush $names"
    doing=$verb dir=$parent names=
  fi
  names="$names \\"./\\\${$((3 * n))##*/}\\""
done
eval "flush $names"
arrived
cd -P "$base" || exit ${pushExits.noRoot}`

/** What is agreed on must be there after a power cut too: an empty file would look like an edit. */
const flushed = `names=
for n in $todo; do
  ${line}
  case $verb in new | put) names="$names \\"${path}\\"" ;; esac
done
flushing=
if [ -n "$names" ]; then
  eval "sync $names" 2>/dev/null &
  flushing=$!
fi`

const confirm = `names= numbers= many=0
for n in $todo; do
  ${line}
  target=\${before#@}
  ${confirmed}
  ${judgeKept(`names="$names \\"\\$stage/old/${path}\\"" numbers="$numbers $n" many=$((many + 1))
        unset "found$n"`)}
done
[ "$many" -eq 0 ] || digests "$@"
for n in $numbers; do
  ${line}
  eval "found=\\\${found$n-}"
  [ "$found" != "$before" ] || continue
  ${putBack}
done`

/**
 * It takes what `smallPushCall` tells it in variables and arguments, and is the last of the shell that it is called in.
 * The stage is gone when it has told: a command that follows is not to see it.
 */
export const smallPushFunction = `told=
sbx_push() {
nl='
'
count=$(($# / 3))
${pushOpening}
# What runs beside a shell has no stdin unless it is given one.
exec 3<&0
${clearing}
eval "mkdir -m 700 "$stage" "$stage/new" "$stage/old" $kept" &
making=$!
${digests}
${judge}
wait "$making" || exit ${pushExits.noSpace}
${unpack} <&3 &
unpacking=$!
exec 3<&-
${carryOut}
${flushed}
${confirm}
rm -rf "$stage"
[ -z "$flushing" ] || wait "$flushing"
echo done
trap - EXIT
printf "$told"
}`
