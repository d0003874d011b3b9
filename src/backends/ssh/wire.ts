/** Fields as SSH sends them (RFC 4251): a length of four bytes, then as many bytes. */

/** The field at `at`, and where the next one begins. Throws a `RangeError` when it is cut. */
export function readField(bytes: Buffer, at: number): { value: Buffer; next: number } {
  const start = at + 4
  const next = start + bytes.readUInt32BE(at)
  if (next > bytes.length) throw new RangeError('a field is longer than what there is')
  return { value: bytes.subarray(start, next), next }
}

export function writeField(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
