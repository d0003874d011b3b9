/** A file of the workspace as the contents of a resource. */
import { fileTooLarge } from '../file-errors.ts'
import { imageType, utf16 } from '../tools/file-kind.ts'
import type { Tree, TreePath } from '../tree.ts'
import { lastModified } from './last-modified.ts'
import { isTextType, mediaTypeByName } from './media-type.ts'

/** Contents as MCP has them, with what there is to know besides in `_meta`. */
export type ResourceContent = {
  readonly uri: string
  readonly mimeType: string
  readonly _meta: Readonly<Record<string, unknown>>
} & ({ readonly text: string } | { readonly blob: string })

/** As base64, and as text that needs no escapes, it stays well below a frame's 10 MiB. */
export const fileLimitBytes = 5 * 1024 * 1024
/** Text that escapes make longer than this is told as base64. */
const textLimitBytes = 8 * 1024 * 1024
const longestEscape = 6

/**
 * The whole file: as text if it is UTF-8, or UTF-16 with a mark that says so, else as a blob.
 * `_meta` has `size`, and `lastModified` if that can be told. Fails as `Tree.read` does;
 * `FILE_TOO_LARGE` above `fileLimitBytes`.
 */
export async function readFileContent(
  tree: Tree,
  path: TreePath,
  uri: string,
): Promise<ResourceContent> {
  const range = { offset: 0, length: fileLimitBytes + 1 }
  const { bytes, size, modifiedMs } = await tree.read(path, range)
  if (bytes.length > fileLimitBytes) throw fileTooLarge(path, size, fileLimitBytes)
  const named = mediaTypeByName(path)
  const _meta = { size: bytes.length, ...lastModified(modifiedMs) }
  const image = imageType(bytes)
  const text = image === undefined ? asText(bytes) : undefined
  if (text !== undefined && fitsFrame(text)) {
    return { uri, mimeType: named ?? 'text/plain', _meta, text }
  }
  const binary = named === undefined || isTextType(named) ? 'application/octet-stream' : named
  return { uri, mimeType: image ?? binary, _meta, blob: bytes.toString('base64') }
}

function asText(bytes: Buffer): string | undefined {
  const encoding = utf16(bytes) ?? (bytes.includes(0) ? undefined : 'utf-8')
  if (encoding === undefined) return undefined
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function fitsFrame(text: string): boolean {
  if (text.length * longestEscape <= textLimitBytes) return true
  return Buffer.byteLength(JSON.stringify(text)) <= textLimitBytes
}
