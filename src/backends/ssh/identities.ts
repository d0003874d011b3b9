/** The keys and certificates that a user shows to a host, read from where the user keeps them. */
import { configInvalid, shown } from '../../errors.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { textOf } from './setting-file.ts'

interface Identity {
  /** How it is named to the user. */
  readonly label: string
  /** The text of the private key; undefined where only the public one is there, for the agent's use. */
  readonly privateKey: string | undefined
  /** As it is sent; undefined where it is not there beside the private one. */
  readonly publicKey: Buffer | undefined
}

/** Keys and certificates; `only` says that the agent is asked for no others. */
export interface Credentials {
  readonly identities: readonly Identity[]
  readonly certificates: readonly Certificate[]
  readonly only: boolean
}

export interface OwnCredentials {
  readonly identityFile?: string
  readonly identityData?: string
  readonly certificateFile?: string
  readonly certificateData?: string
}

/** What settings name, in place of `usual`, which the user's own files say. `CONFIG_INVALID` for what cannot be used. */
export function ownCredentials(
  settings: OwnCredentials,
  usual: () => Credentials,
  home: string,
): Credentials {
  const { identityData, identityFile, certificateData, certificateFile } = settings
  const expand = (path: string) => path.replace(/^~(?=\/)/, home)
  const certificates =
    certificateData !== undefined
      ? [ownCertificate('certificateData', 'ssh.certificateData', repaired(certificateData))]
      : certificateFile !== undefined
        ? [certificateAt(expand(certificateFile))]
        : undefined
  if (identityData !== undefined) {
    const privateKey = repaired(identityData)
    const identity = { label: 'ssh.identityData', privateKey, publicKey: undefined }
    return { identities: [identity], certificates: certificates ?? [], only: true }
  }
  if (identityFile !== undefined) {
    const path = expand(identityFile)
    const found = readIdentities([path])
    if (found.identities.length === 0) {
      throw configInvalid(
        `the private key ${shown(path)} cannot be read`,
        'Give the path of a private key in ssh.identityFile, or leave it out to use the agent.',
        'ssh.identityFile',
      )
    }
    return { ...found, ...(certificates && { certificates }), only: true }
  }
  return { ...usual(), ...(certificates && { certificates }) }
}

/** The keys at `paths`, or beside them as public ones only, with the certificates that lie there. */
export function readIdentities(paths: readonly string[]): Omit<Credentials, 'only'> {
  const identities = paths.flatMap((path): Identity[] => {
    const text = textOf(path)
    const publicKey = publicKeyOf(text) ?? publicKeyOf(textOf(`${path}.pub`))
    if (text === '' && publicKey === undefined) return []
    const isPublic = text === '' || publicKeyOf(text) !== undefined
    return [{ label: path, privateKey: isPublic ? undefined : repaired(text), publicKey }]
  })
  const beside = identities.map(({ label }) => `${label.replace(/\.pub$/, '')}-cert.pub`)
  return { identities, certificates: readCertificates(beside) }
}

/** Those of `paths` that can be used: nobody asked for these in particular. */
export function readCertificates(paths: readonly string[]): Certificate[] {
  return paths.flatMap((path) => parseCertificate(path, textOf(path)) ?? [])
}

const certificateAt = (path: string) => ownCertificate('certificateFile', path, textOf(path))

function ownCertificate(key: keyof OwnCredentials, label: string, text: string): Certificate {
  const certificate = parseCertificate(label, text)
  if (certificate !== undefined) return certificate
  throw configInvalid(
    `${label} ${text.trim() === '' ? 'is empty or cannot be read' : 'is not the certificate of a user'}`,
    'Give the file that ssh-keygen -s writes beside the public key, whose name ends in -cert.pub.',
    `ssh.${key}`,
  )
}

/** The key of a line as in `id_ed25519.pub`; undefined for anything else. */
function publicKeyOf(text: string): Buffer | undefined {
  const [, base64] = /^(?:ssh|ecdsa|sk)-\S+\s+([A-Za-z0-9+/=]+)/.exec(text.trim()) ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64')
}

/** Keys that went through an environment variable or an editor: a BOM, CRLF, escaped line feeds. */
function repaired(key: string): string {
  const lines = key.replace(/^\ufeff/, '').replaceAll('\r\n', '\n')
  return `${(lines.includes('\n') ? lines : lines.replaceAll('\\n', '\n')).trim()}\n`
}
