/** Why a host could not be connected to, told by the step that failed and with what helps. */
import { backendUnavailable, hostKeyRejected, SandboxError, shown } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'
import type { AuthTrail } from './authentication.ts'
import type { Destination } from './destination.ts'
import { fingerprint, hostKeyType, verdictOn } from './known-hosts.ts'

/** Failures that may pass by themselves: nothing was started, so trying again is safe. */
const passing = new WeakSet<Error>()

export const isPassing = (error: unknown): boolean => error instanceof Error && passing.has(error)

/** Makes `isPassing` true for `failure`. */
export function markPassing<E extends Error>(failure: E): E {
  passing.add(failure)
  return failure
}

/** The message of a connection that ends without an error before there is a session. */
export const closedByHost = 'the host closed the connection'

export const noTrail: AuthTrail = { offered: [], tried: [], locked: [] }

/** What is known of an attempt besides its error. */
export interface Attempt {
  readonly trail: AuthTrail
  /** How the host is reached if not by a socket of its own; follows its name. */
  readonly words?: string | undefined
  /** The host key that was not accepted, if that is why. */
  readonly rejectedKey?: Buffer | undefined
  /** How the program ended that carried the connection, if it did. */
  readonly ending?: string | undefined
}

/** What the ssh_config says and is not judged is named too: it may be why. */
export function connectFailure(
  destination: Destination,
  cause: unknown,
  attempt: Attempt,
): SandboxError {
  const failure = failureOf(destination, cause, attempt)
  const { passedOver } = destination
  if (passedOver.length === 0) return failure
  const told = new SandboxError(
    failure.code,
    failure.message,
    `${failure.hint} The ssh_config was not followed in: ${passedOver.join('; ')}; what ssh does there, say in a Host block.`,
    failure.cause,
  )
  return isPassing(failure) ? markPassing(told) : told
}

function failureOf(
  destination: Destination,
  cause: unknown,
  { trail, words, rejectedKey, ending }: Attempt,
): SandboxError {
  const { host, port } = destination
  const place = words === undefined ? `${host}:${port}` : `${host}:${port} ${words}`
  const { level, code, message } = cause as { level?: string; code?: string; message?: string }
  if (rejectedKey !== undefined) return keyRejection(destination, rejectedKey)
  if (level === 'client-authentication') return refusal(destination, trail, cause)
  if (/too many authentication failures/i.test(message ?? '')) {
    return backendUnavailable(
      `${destination.user}@${place} looks at no more keys; tried: ${trail.tried.join(', ')}`,
      'Name the key that it takes in ssh.identityFile, or with IdentityFile in the ssh_config.',
      cause,
    )
  }
  if (level === 'agent') {
    return backendUnavailable(
      `the ssh-agent at ${shown(destination.agent ?? '')} did not sign for ${host}:${port}: ${message}`,
      'Unlock it or confirm the use of the key, or name a key with ssh.identityFile.',
      cause,
    )
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || level === 'client-dns') {
    return backendUnavailable(
      `the host ${shown(host)} is not known`,
      'Check its spelling, or add it to ~/.ssh/config.',
      cause,
    )
  }
  if (ending !== undefined) {
    return markPassing(
      backendUnavailable(
        `the ProxyCommand that leads to ${host}:${port} ended ${ending}`,
        'Run it in a terminal with its % tokens filled in: it should stay, and show the greeting of an SSH server.',
        cause,
      ),
    )
  }
  if (level === 'handshake' && /no matching/.test(message ?? '')) {
    return backendUnavailable(
      `${place} and this server have no algorithm in common: ${message}`,
      'Allow a usual one there (Ciphers, KexAlgorithms, MACs, HostKeyAlgorithms in sshd_config): aes256-gcm@openssh.com, curve25519-sha256, hmac-sha2-256, ssh-ed25519.',
      cause,
    )
  }
  if (message === closedByHost && trail.tried.length > 0) {
    return backendUnavailable(
      `${place} closed the connection while ${destination.user} was to be let in`,
      'See the log of sshd there: the account may have expired or be locked.',
      cause,
    )
  }
  const [what, hint] = reason(level, code, message ?? String(cause), place, port)
  const failure = backendUnavailable(what, hint, cause)
  // A host that does not answer at all has had its time.
  return level === 'client-timeout' || code === 'ETIMEDOUT' ? failure : markPassing(failure)
}

function refusal({ user, host, port, agent }: Destination, trail: AuthTrail, cause: unknown) {
  const [locked] = trail.locked
  const add = locked === undefined ? '' : `ssh-add ${quote(locked)}`
  const takesKeys = trail.offered.length === 0 || trail.offered.includes('publickey')
  const hint = !takesKeys
    ? 'Nobody is asked for a password or a code here: let the host take publickey alone for that account (AuthenticationMethods in sshd_config).'
    : locked === undefined
      ? 'Add the public key to authorized_keys there, load the private key with ssh-add, or name it in ssh.identityFile.'
      : agent === undefined
        ? `A key with a passphrase is used through ssh-agent: start one, run "${add}", and start this server where SSH_AUTH_SOCK is set.`
        : `A key with a passphrase is used through ssh-agent: run "${add}", then call again.`
  const tried = trail.tried.join(', ') || 'nothing, as no key was found'
  const offered = trail.offered.join(', ') || 'it did not say'
  return backendUnavailable(
    `${user}@${host}:${port} refused all authentication; tried: ${tried}; the host takes: ${offered}`,
    hint,
    cause,
  )
}

function reason(
  level: string | undefined,
  code: string | undefined,
  message: string,
  place: string,
  port: number,
): [string, string] {
  if (code === 'ECONNREFUSED') {
    return [
      `${place} refuses connections`,
      `Check that sshd runs there and listens on port ${port}.`,
    ]
  }
  if (level === 'client-timeout' || code === 'ETIMEDOUT') {
    return [`${place} does not answer`, 'Check that the host is up and no firewall is in between.']
  }
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
    return [`${place} cannot be reached (${code})`, 'Check the network, a VPN, or use ProxyJump.']
  }
  return [
    `the connection to ${place} failed before authentication: ${message}`,
    'Check that an SSH server listens there, and see its log.',
  ]
}

/** Names the fingerprint, where it is missing, and the command that would accept this very key. */
function keyRejection({ host, hostKeys, port }: Destination, key: Buffer): SandboxError {
  const { name, file, hasAuthority, revoked } = hostKeys
  const type = hostKeyType(key)
  const line = `${name} ${type} ${key.toString('base64')}`
  const offered = `the host key of ${host}:${port} (${type} ${fingerprint(key)})`
  const place = file ?? 'ssh.knownHostsData'
  const verdict = verdictOn(hostKeys, key)
  if (verdict === 'revoked') {
    return hostKeyRejected(
      `${offered} is marked as revoked in ${revoked?.listing(key) ?? place}`,
      'Give the host a new key; this one must not be trusted.',
    )
  }
  const changed = verdict === 'changed'
  const forget = changed ? `ssh-keygen -R ${quote(name)} -f ${quote(place)} && ` : ''
  const accept =
    file === undefined
      ? `put this line there: ${line}`
      : `run: ${forget}echo ${quote(line)} >> ${quote(file)}`
  return hostKeyRejected(
    changed
      ? `${offered} is not the one in ${place}: the host was set up anew, or somebody is in between`
      : `${offered} is not in ${place}${hasAuthority ? ', but a certificate authority that vouches for it; certificates of hosts are not looked at' : ''}`,
    `Compare the fingerprint with what its administrator tells you; if it is the same, ${accept}`,
  )
}
