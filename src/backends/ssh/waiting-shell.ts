/** A shell that waits for a script, the same for dash, bash and BusyBox, and how it is told one. */
import { patientRead } from '../../posix-sh.ts'

/**
 * The mark ends what start-up files said, which is no output of the script. `read` takes its line
 * bytewise, and dd what it is told to, so what follows on stdin is the script's. A connection may end anywhere, and
 * half a script is not to be run: `read` tells the end, and dd does not. Nor is what a start-up file left of one.
 */
export function waitForScript(mark: string): string {
  // A login shell that traces prints this text too, which is not to hold the mark.
  const [start, end] = [mark.slice(0, 2), mark.slice(2)]
  return `printf ${start}%s ${end}; printf ${start}%s ${end} >&2; ${patientRead} sbx_text || sbx_text=; case $sbx_text in '${opening(start)}'${end}' '*) sbx_text=\${sbx_text#*#* } ;; *) echo 'a start-up file has read what was sent to a script' >&2; exit 126 ;; esac; case $sbx_text in +*) sbx_text=$(dd bs="\${sbx_text#+}" count=1 iflag=fullblock 2>/dev/null) && ${patientRead} sbx_end || exit 126 ;; *) sbx_text=$(printf %b "$sbx_text") ;; esac; eval "unset sbx_text sbx_end; $sbx_text"`
}

/** Of a line to the shell that prints `mark`. Another one, which a start-up file has put in its place, ends by it. */
const opening = (mark: string) => `exit 126 #${mark}`

/** Above it a process to read the script costs less than a system call for each of its bytes. */
const longBytes = 3_000

/** A short script is one line of ASCII that `printf %b` turns back into it; a long one follows its length. */
export function scriptLine(script: string, mark: string): Buffer {
  if (script.includes('\0')) throw new Error('a script cannot hold a NUL byte')
  const bytes = Buffer.from(script)
  if (bytes.length > longBytes) {
    return Buffer.from(`${opening(mark)} +${bytes.length}\n${script}\n`)
  }
  const escaped = bytes
    .toString('latin1')
    .replace(/[^\x20-\x2a\x2c-\x5b\x5d-\x7e]/g, (character) =>
      character === '\n' ? '\\n' : `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
    )
  return Buffer.from(`${opening(mark)} ${escaped}\n`)
}
