/** The lines that a guard says. What runs in its sandbox can write to the same pipe, so none is waited for without end. */
import type { Readable } from 'node:stream'

/** In bytes. A guard says a word, or a number and a word. */
export const longestAnswer = 64 * 1024

/** `tooLong` is called once, and nothing is told after it. */
export function answerLines(
  source: Readable,
  heard: (line: string) => void,
  tooLong: () => void,
): void {
  let begun = ''
  const take = (bytes: Buffer) => {
    const lines = (begun + bytes.toString('latin1')).split('\n')
    begun = lines.pop() as string
    for (const line of lines) heard(line)
    if (begun.length <= longestAnswer) return
    source.off('data', take)
    source.resume()
    begun = ''
    tooLong()
  }
  source.on('data', take)
}
