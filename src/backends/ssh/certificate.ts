/** OpenSSH certificates of users: PROTOCOL.certkeys of OpenSSH. */
import { readField, writeField } from './wire.ts'

export interface Certificate {
  /** How it is named to the user. */
  readonly label: string
  /** As it is sent. */
  readonly blob: Buffer
  /** The key it is for, as a key without certificate is sent. */
  readonly publicKey: Buffer
  /** The first moment at which it is not valid any more. */
  readonly endMs: number
}

/** Follows the name of a key's algorithm where a certificate goes with it. */
export const certificateSuffix = '-cert-v01@openssh.com'

/** How many fields make up a public key of these kinds. */
const keyFields: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
}
const userCertificate = 1

/** Reads the line that ssh-keygen writes to `…-cert.pub`; undefined for anything but a user's certificate. */
export function parseCertificate(label: string, text: string): Certificate | undefined {
  const [name = '', base64 = ''] = text.trim().split(/\s+/)
  const type = name.slice(0, -certificateSuffix.length)
  const fields = keyFields[type]
  if (fields === undefined || !name.endsWith(certificateSuffix)) return undefined
  const blob = Buffer.from(base64, 'base64')
  try {
    return { label, blob, ...contents(blob, type, fields) }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Throws a `RangeError` where the bytes are something else. */
function contents(blob: Buffer, type: string, fields: number) {
  const named = readField(blob, 0)
  if (named.value.toString() !== type + certificateSuffix) throw new RangeError('it names another')
  const start = readField(blob, named.next).next
  let at = start
  for (let count = 0; count < fields; count++) at = readField(blob, at).next
  const publicKey = Buffer.concat([writeField(type), blob.subarray(start, at)])
  if (blob.readUInt32BE(at + 8) !== userCertificate) throw new RangeError('it is of a host')
  const keyId = readField(blob, at + 12)
  const end = blob.readBigUInt64BE(readField(blob, keyId.next).next + 8)
  return { publicKey, endMs: end > 0xff_ffff_ffffn ? Infinity : Number(end) * 1000 }
}
