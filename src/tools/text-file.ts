/** A file that is to be changed as text. */
import { isSandboxError } from '../errors.ts'
import { fileBinary, fileTooLarge } from '../file-errors.ts'
import type { FileContent } from '../tree.ts'
import type { Located } from '../workspace.ts'
import { decodeText } from './byte-text.ts'
import { isRefusal } from './refusal.ts'

/** Larger files are generated ones; changing them goes through exec. */
export const textLimitBytes = 8 * 1024 * 1024

/** The whole file in one round trip. `FILE_TOO_LARGE` beyond the limit. */
export async function readForText({ tree, path, shown }: Located): Promise<FileContent> {
  const file = await tree.read(path, { offset: 0, length: textLimitBytes + 1 })
  if (file.size > textLimitBytes) throw fileTooLarge(shown, file.size, textLimitBytes)
  return file
}

/**
 * `change` is given what the file held when it was last seen, where that is recalled, and relies on its digest. Where it
 * refuses that, or is stale, and in all other files, it is given what the file holds now.
 */
export async function changeBytes<T>(
  file: Located,
  change: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  const recalled = file.tree.recall?.(file.path)
  if (recalled !== undefined) {
    try {
      return await change(recalled)
    } catch (error) {
      if (!isOutdated(error)) throw error
    }
  }
  return change((await readForText(file)).bytes)
}

/** Whether it may be told because the file holds something else than what was recalled. */
export const isOutdated = (error: unknown): boolean =>
  isSandboxError(error, 'FILE_STALE') || isRefusal(error)

/** The bytes as lossless text (`byte-text.ts`). `FILE_TOO_LARGE`, and `FILE_BINARY` for NUL bytes. */
export function textOf(bytes: Uint8Array, shown: string): string {
  if (bytes.length > textLimitBytes) throw fileTooLarge(shown, bytes.length, textLimitBytes)
  if (bytes.includes(0)) throw fileBinary(shown, bytes.length)
  return decodeText(bytes)
}
