/**
 * Certificates for ssh2, which can send one in place of a public key, but gives the signature the
 * certificate's name; servers want the name of the plain key there. ssh2 offers no way to say so: its
 * protocol object is changed here, and nowhere else.
 */
import { type Certificate, certificateSuffix } from './certificate.ts'
import { readField, writeField } from './wire.ts'

/** What is used of a key that ssh2 has parsed. */
interface Key {
  readonly type: string
  getPublicSSH(): Buffer
}

interface PacketWriter {
  /** Where in an allocated packet its payload begins. */
  readonly allocStart: number
  alloc(payloadBytes: number): Buffer
  finalize(packet: Buffer): Buffer
}

type Sign = (request: Buffer, done: (signature: Buffer) => void) => void

interface Protocol {
  authPK(user: string, key: Key, algorithm: string | undefined, sign?: Sign): void
  readonly _packetRW: { write: PacketWriter }
}

const certified = new WeakMap<Key, Key>()

/** The key with its certificate: it is used in every way like the key itself. */
export function withCertificate<K extends Key>(key: K, { blob }: Certificate): K {
  const both = Object.create(key, { getPublicSSH: { value: () => blob } }) as K
  certified.set(both, key)
  return both
}

/** The key alone; one that has no certificate is returned as it is. */
export function withoutCertificate<K extends Key>(key: K): K {
  return (certified.get(key) as K | undefined) ?? key
}

/** Makes a client of ssh2 that is connecting able to use keys that `withCertificate` made. */
export function acceptCertificates(client: object): void {
  const protocol = (client as { _protocol: Protocol })._protocol
  const { authPK } = protocol
  protocol.authPK = (user, key, algorithm, sign) => {
    if (!certified.has(key)) return authPK.call(protocol, user, key, algorithm, sign)
    const plain = algorithm ?? key.type
    authPK.call(protocol, user, key, plain + certificateSuffix, sign && namingPlain(plain, sign))
  }
  const namingPlain =
    (plain: string, sign: Sign): Sign =>
    (request, done) =>
      sign(request, (signature) => {
        const { write } = protocol._packetRW
        protocol._packetRW.write = renamingWriter(write, plain)
        try {
          done(signature)
        } finally {
          protocol._packetRW.write = write
        }
      })
}

function renamingWriter(write: PacketWriter, plain: string): PacketWriter {
  return {
    allocStart: 0,
    alloc: (bytes) => Buffer.alloc(bytes),
    finalize: (request) => {
      const payload = renamedSignature(request, plain)
      const packet = write.alloc(payload.length)
      packet.set(payload, write.allocStart)
      return write.finalize(packet)
    },
  }
}

/** The request of RFC 4252, section 7, with `name` as the first field of its signature. */
function renamedSignature(request: Buffer, name: string): Buffer {
  const user = readField(request, 1)
  const service = readField(request, user.next)
  const method = readField(request, service.next)
  const algorithm = readField(request, method.next + 1)
  const key = readField(request, algorithm.next)
  const signature = readField(request, key.next).value
  const bytes = readField(signature, readField(signature, 0).next).value
  return Buffer.concat([
    request.subarray(0, key.next),
    writeField(Buffer.concat([writeField(name), writeField(bytes)])),
  ])
}
