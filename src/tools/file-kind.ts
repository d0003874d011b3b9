/** Tells what a file is by its first bytes. */

/** The image formats that models are shown, by their signatures. */
export function imageType(start: Uint8Array): string | undefined {
  const ascii = (from: number, to: number) =>
    Buffer.from(start.subarray(from, to)).toString('latin1')
  if (ascii(0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png'
  if (ascii(0, 3) === '\xff\xd8\xff') return 'image/jpeg'
  if (ascii(0, 6) === 'GIF87a' || ascii(0, 6) === 'GIF89a') return 'image/gif'
  if (ascii(0, 4) === 'RIFF' && ascii(8, 12) === 'WEBP') return 'image/webp'
  return undefined
}

const signatures: readonly (readonly [string, string])[] = [
  ['\x7fELF', 'an ELF program or library'],
  ['%PDF-', 'a PDF document'],
  ['PK\x03\x04', 'a zip archive or a document made like one'],
  ['\x1f\x8b', 'gzip data'],
  ['\xfd7zXZ\0', 'xz data'],
  ['\x28\xb5\x2f\xfd', 'zstd data'],
  ['BZh91AY&SY', 'bzip2 data'],
  ['SQLite format 3\0', 'a SQLite database'],
  ['\0asm', 'a WebAssembly module'],
  ['\xca\xfe\xba\xbe', 'a Java class or a Mach-O program'],
]

/** What a file that is no text is; undefined for text, which UTF-16 with a byte order mark is too. */
export function binaryKind(start: Uint8Array): string | undefined {
  if (utf16(start) !== undefined) return undefined
  const head = Buffer.from(start.subarray(0, 16)).toString('latin1')
  const known = signatures.find(([signature]) => head.startsWith(signature))
  if (known !== undefined) return known[1]
  return start.includes(0) ? 'binary data' : undefined
}

/** The UTF-16 flavour that a byte order mark announces. */
export function utf16(start: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le'
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be'
  return undefined
}
