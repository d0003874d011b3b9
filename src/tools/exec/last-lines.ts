/** The end of a command's output in a few words, for a line of progress. */
import type { CapturedOutput } from '../../output/captured-output.ts'
import { cutStart } from './output-view.ts'
import { terminalText } from './terminal-text.ts'

const lineLimit = 3
const byteLimit = 400

/** Its last lines that are not blank; the last may be one that is still being written. */
export function lastLines(output: CapturedOutput): string {
  const bytes = output.last(byteLimit)
  const { text } = terminalText(bytes.subarray(cutStart(bytes)))
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lineLimit)
    .join('\n')
}
