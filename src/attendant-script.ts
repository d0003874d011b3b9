/** The sh script of an attendant: it runs short scripts of our own, one after another, and marks their ends. */
import { block } from './runner-script.ts'

/** The ASCII unit separator: a runner, in whose output this is, holds what may begin a mark of its own. */
export const attendantMarkByte = 0x1f

/**
 * Each script is run by a subshell, which costs a fork and no program. `functions` are defined once. A script
 * can say by `eval "$tell"` that what it is for is done and well; what it does after that nobody waits for.
 *
 * A script that was ended half way may have left bytes of its stdin, and whatever it holds by the number of
 * this shell: both end with the shell. `token` is unguessable; it frames the marks.
 */
export function attendantScript(token: string, functions: string): string {
  const mark = (word: string) => `printf '\\037${token}:%s\\037' ${word}`
  return `${functions}
tell="${mark('told')}"
while IFS=' ' read -r lines bytes; do
text=
case $lines in
+*) text=$(dd bs="\${lines#+}" count=1 iflag=fullblock 2>/dev/null) || exit 126 ;;
*) while [ "$lines" -gt 0 ]; do IFS= read -r line; text="$text$line
"; lines=$((lines - 1)); done ;;
esac
over=
trap over=1 TERM
if [ "$bytes" = 0 ]; then (eval "$text") </dev/null; else (eval "$text"); fi
code=$?
trap - TERM
${mark('"$code"')}
[ -z "$over" ] && [ "$code" -lt 128 ] || exit
[ "$code" = 0 ] || [ "$bytes" = 0 ] || exit
done`
}

/** What an attendant is told, to run `script` with `stdin`. */
export function request(script: string, stdin: Uint8Array): Buffer {
  const { size, text } = block('sh', script)
  return Buffer.concat([Buffer.from(`${size} ${stdin.length}\n`), text, stdin])
}
