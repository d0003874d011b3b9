/** The keys that the ssh_config's RevokedHostKeys lists: lines as of a public key, or a KRL as ssh-keygen -k writes it. */
import { createHash } from 'node:crypto'
import { configInvalid, shown } from '../../errors.ts'
import { bytesOf } from './setting-file.ts'
import { readField } from './wire.ts'

export interface RevokedKeys {
  /** Where it is written that no host may have `key`, if it is. */
  listing(key: Buffer): string | undefined
}

/**
 * Reads `paths`. `CONFIG_INVALID` for one that cannot be read, all of it: as OpenSSH, which lets no host in then,
 * because what it cannot read may be about any key.
 */
export function readRevokedKeys(paths: readonly string[]): RevokedKeys {
  const lists = paths.map((path) => ({ path, has: revokedIn(path) }))
  return { listing: (key) => lists.find(({ has }) => has(key))?.path }
}

type Has = (key: Buffer) => boolean

function revokedIn(path: string): Has {
  const bytes = bytesOf(path)
  if (bytes === undefined) throw unusable(path, 'cannot be read')
  try {
    return bytes.subarray(0, magic.length).equals(magic) ? listOf(bytes) : linesOf(bytes.toString())
  } catch (error) {
    if (error instanceof RangeError) throw unusable(path, `is damaged: ${error.message}`)
    throw error
  }
}

function unusable(path: string, why: string): Error {
  return configInvalid(
    `RevokedHostKeys ${shown(path)} ${why}, so no host key can be trusted`,
    'Put there what ssh-keygen -k writes, or public keys, one a line, or take it out of the ssh_config.',
  )
}

function linesOf(text: string): Has {
  const keys = text.split(/\r?\n/).flatMap((line, index) => {
    if (/^\s*(#|$)/.test(line)) return []
    const [, type = '', base64 = ''] =
      /^\s*((?:ssh|ecdsa|sk)-\S+)\s+([A-Za-z0-9+/=]+)/.exec(line) ?? []
    const key = Buffer.from(base64, 'base64')
    if (!isWhole(key, type)) throw new RangeError(`line ${index + 1} is no public key`)
    return [key]
  })
  return (key) => keys.some((one) => one.equals(key))
}

/** A certificate, which has more than fields, is never the key of a host here. */
function isWhole(key: Buffer, type: string): boolean {
  try {
    return type.includes('-cert-') || fieldsOf(key).length > 1
  } catch {
    return false
  }
}

/** PROTOCOL.krl of OpenSSH. */
const magic = Buffer.from('SSHKRL\n\0')
const headerBytes = magic.length + 4 + 3 * 8
const section = { certificates: 1, keys: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 }

/** Certificates of hosts are not looked at, so what it says of those is passed over. */
function listOf(bytes: Buffer): Has {
  if (bytes.readUInt32BE(magic.length) !== 1) throw new RangeError('its version is not known')
  const reserved = readField(bytes, headerBytes)
  const comment = readField(bytes, reserved.next)
  const listed = { keys: new Set<string>(), sha1: new Set<string>(), sha256: new Set<string>() }
  for (let at = comment.next; at < bytes.length; ) {
    const type = bytes.readUInt8(at)
    if (type === section.signature) break
    const { value, next } = readField(bytes, at + 1)
    at = next
    if (type === section.certificates) continue
    const kind = (['keys', 'sha1', 'sha256'] as const).find((name) => section[name] === type)
    if (kind !== undefined) for (const one of fieldsOf(value)) listed[kind].add(one.toString('hex'))
    else if (type !== section.extension || isCritical(value)) {
      throw new RangeError(`what its section of kind ${type} says is not known`)
    }
  }
  const digest = (name: string, key: Buffer) => createHash(name).update(key).digest('hex')
  return (key) =>
    listed.keys.has(key.toString('hex')) ||
    listed.sha1.has(digest('sha1', key)) ||
    listed.sha256.has(digest('sha256', key))
}

function fieldsOf(bytes: Buffer): Buffer[] {
  const fields: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const { value, next } = readField(bytes, at)
    fields.push(value)
    at = next
  }
  return fields
}

const isCritical = (extension: Buffer) => extension.readUInt8(readField(extension, 0).next) !== 0
