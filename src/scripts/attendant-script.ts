/** The sh script of an attendant: it runs short scripts of our own, one after another, and marks their ends. */

import { block } from '../runner/command-text.ts'
import {
  aheadSign,
  attendantWords,
  becomePerl,
  handedSign,
  handing,
  nudgeSign,
  shortcutSign,
} from './attendant-perl.ts'
import type { Foretold, Shortcut } from './script.ts'

/** The ASCII unit separator: a runner, in whose output this is, holds what may begin a mark of its own. */
export const attendantMarkByte = 0x1f

/**
 * Each script is run by a subshell, which costs a fork and no program, and is there already when the script
 * comes. `functions` are defined once, and `prepare`, if it is among them, is called once. A script can say by
 * `printf "$told"` that what it is for is done and well; what it does after that nobody waits for.
 *
 * A script that was ended half way may have left whatever it holds by the number of this shell, which ends
 * with it. One that failed may have left bytes of its stdin: what does not begin with `token`, which is
 * unguessable and frames the marks too, is no request, and ends it as well.
 *
 * Its variables are named as a runner's, and the text is taken out of the environment before it is read: there
 * it would go to each program, and may be more than one can be started with. Where sh is bash, TMOUT would end it when
 * it is asked for nothing, and what a script reads when that takes long.
 *
 * With `shortcuts` it becomes perl where there is one, and marks which of the two it is before it takes requests.
 */
export function attendantScript(token: string, functions: string, shortcuts?: string): string {
  const mark = (word: string) => `\\037${token}:${word}\\037`
  if (shortcuts === undefined) return shellScript(mark, token, functions)
  const handed = shellScript(mark, token, functions, handing)
  return `${becomePerl(token, handed, shortcuts)}printf '${mark(attendantWords.sh)}'
${shellScript(mark, token, functions)}`
}

/**
 * With `handed` it has the first line of each request from the perl in front of it, and the script too if that says so;
 * the rest from stdin as ever.
 */
function shellScript(
  mark: (word: string) => string,
  token: string,
  functions: string,
  handed?: typeof handing,
): string {
  const take = `case $sbx_size in
+*) sbx_text=$(dd bs="\${sbx_size#+}" count=1 iflag=fullblock 2>/dev/null) && IFS= read -r sbx_line || exit 128 ;;
*) while [ "$sbx_size" -gt 0 ]; do IFS= read -r sbx_line || exit 128; sbx_text="$sbx_text$sbx_line
"; sbx_size=$((sbx_size - 1)); done ;;
esac`
  const takeHanded =
    handed &&
    `case $sbx_size in
'${handedSign}'*) sbx_size=\${sbx_size#?}; { ${take}; } ${handed.from} ;;
*) ${take} ;;
esac
exec ${handed.close}`
  return `unset TMOUT
${functions}
told='${mark(attendantWords.told)}'
sbx_over=
! command -v prepare >/dev/null || prepare
trap sbx_over=1 TERM
while :; do
(
IFS=' ' read -r sbx_key sbx_size sbx_bytes ${handed?.from ?? ''} && [ "$sbx_key" = ${token} ] || exit 128
unset sbx_text
${takeHanded ?? take}
[ "$sbx_bytes" != 0 ] || exec </dev/null
eval "$sbx_text"
)
sbx_code=$?
printf '${mark('%s')}' "$sbx_code"
[ -z "$sbx_over" ] && [ "$sbx_code" -lt 128 ] || exit
${handed === undefined ? '' : `printf x ${handed.to}`}
done`
}

/** What an attendant is told, to run `script` with `stdin`. */
export function request(token: string, script: string, stdin: Uint8Array): Buffer {
  const { size, text } = block('sh', script)
  return Buffer.concat([Buffer.from(`${token} ${size} ${stdin.length}\n`), text, stdin])
}

/** What an attendant that is perl can be asked for besides. */
export interface PerlRequest {
  readonly script: string
  readonly stdin: Uint8Array
  readonly shortcut: Shortcut | undefined
  /** As in `Alone`. */
  readonly base: number | undefined
}

/**
 * `<token> <size> <bytes of stdin> <base>`, what is of that size, and the stdin. The size is that of the script or,
 * with the sign before it, of the shortcut's words. Where there is no stdin, which a shortcut reads, its head goes on
 * with size and bytes of the script, which follows the words. Without a base that is 0.
 */
export function perlRequest(
  token: string,
  { script, stdin, shortcut, base = 0 }: PerlRequest,
): Buffer {
  const { size, text } = block('sh', script)
  if (shortcut === undefined) {
    return Buffer.concat([Buffer.from(`${token} ${size} ${stdin.length} ${base}\n`), text, stdin])
  }
  const words = Buffer.from(shortcut.join('\0'))
  const head = `${token} ${shortcutSign}${words.length} ${stdin.length} ${base}`
  if (stdin.length > 0) return Buffer.concat([Buffer.from(`${head}\n`), words, stdin])
  return Buffer.concat([Buffer.from(`${head} ${size} ${text.length}\n`), words, text])
}

/**
 * What an attendant that is perl is told, to run `script` when the process `group` has ended, or when it is nudged: as
 * above, with a sign of its own, and the process for the base.
 */
export function aheadRequest(
  token: string,
  { script, shortcut }: Pick<Foretold, 'script' | 'shortcut'>,
  group: number,
): Buffer {
  const { size, text } = block('sh', script)
  const words = Buffer.from((shortcut ?? []).join('\0'))
  const head = `${token} ${aheadSign}${words.length} 0 ${group} ${size} ${text.length}\n`
  return Buffer.concat([Buffer.from(head), words, text])
}

/** What it is told to wait no longer. One that comes late is passed over. */
export const nudge = (token: string) => `${token} ${nudgeSign}\n`
