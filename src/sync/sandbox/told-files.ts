/** Small files that a look has told together with their lines: the host needs not fetch them. */
import { createHash } from 'node:crypto'
import { sizeOf } from './lines.ts'

/** Of all that one look tells. */
export const toldBytes = 16 * 1024

/** A file of the sandbox, whole, as it was looked at. */
export interface ToldFile {
  readonly content: Buffer
  readonly mode: number
  /** Of whole seconds, as an archive has it. */
  readonly mtimeMs: number
}

/** A look's words for it: which of its lines these files are, from 1, and their bytes one after another. */
export interface Told {
  readonly numbers: readonly number[]
  readonly bytes: Buffer
}

/** By path. A file that has changed between its line and its bytes has the bytes of others too: `fitting` tells. */
export function toldFiles(lines: readonly string[], told: Told): Map<string, ToldFile> {
  const files = new Map<string, ToldFile>()
  let at = 0
  for (const number of told.numbers) {
    const line = lines[number - 1] ?? ''
    const [, mode, seconds, path] = /^f ([0-7]+) \d+ \d+ \S+ (-?\d+)\S* \.\/(.*)$/.exec(line) ?? []
    const end = at + sizeOf(line)
    const content = told.bytes.subarray(at, end)
    at = end
    if (mode === undefined || path === undefined) continue
    files.set(path, { content, mode: Number.parseInt(mode, 8), mtimeMs: Number(seconds) * 1000 })
  }
  return files
}

/** `file`, if that has the content that the look has told by its digest. */
export function fitting(file: ToldFile | undefined, digest: string | undefined) {
  if (file === undefined) return undefined
  const isIt = createHash('sha256').update(file.content).digest('hex') === digest
  return isIt ? file : undefined
}
