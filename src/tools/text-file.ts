/** A file that is to be changed as text. */
import { fileBinary, fileTooLarge } from '../file-errors.ts'
import type { FileContent } from '../tree.ts'
import type { Located } from '../workspace.ts'
import { decodeText } from './byte-text.ts'

/** Larger files are generated ones; changing them goes through exec. */
export const textLimitBytes = 8 * 1024 * 1024

/** The whole file in one round trip. `FILE_TOO_LARGE` beyond the limit. */
export async function readForText({ tree, path, shown }: Located): Promise<FileContent> {
  const file = await tree.read(path, { offset: 0, length: textLimitBytes + 1 })
  if (file.size > textLimitBytes) throw fileTooLarge(shown, file.size, textLimitBytes)
  return file
}

/** The bytes as lossless text (`byte-text.ts`). `FILE_TOO_LARGE`, and `FILE_BINARY` for NUL bytes. */
export function textOf(bytes: Uint8Array, shown: string): string {
  if (bytes.length > textLimitBytes) throw fileTooLarge(shown, bytes.length, textLimitBytes)
  if (bytes.includes(0)) throw fileBinary(shown, bytes.length)
  return decodeText(bytes)
}
