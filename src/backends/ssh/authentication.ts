/** Who we are to a host: the agent's keys, then keys of our own, each with its certificate first. */
import { type AnyAuthMethod, BaseAgent, createAgent, type ParsedKey, utils } from 'ssh2'
import type { Certificate } from './certificate.ts'
import { withCertificate, withoutCertificate } from './certified-signature.ts'
import type { Destination } from './destination.ts'

/** What was tried and what the host takes, for the error. */
export interface AuthTrail {
  /** Ways of authentication that the host said it takes. */
  offered: string[]
  readonly tried: string[]
  /** Private keys with a passphrase, which only the agent can use. */
  readonly locked: string[]
  /** The agent was asked and has not answered: it may wait for its user. */
  isAgentAsked?: boolean
  /** When it answered last, by `performance.now()`. */
  agentAnsweredMs?: number
}

/** As ssh2 asks for it: `left` are the ways that the host takes, null at first. */
type NextMethod = (
  left: string[] | null,
  partial: unknown,
  go: (method: AnyAuthMethod | false) => void,
) => void

/** What there is, to be tried in turn; the trail fills while it is. */
export function authentication(destination: Destination): { trail: AuthTrail; next: NextMethod } {
  const { user: username, agent, credentials } = destination
  const trail: AuthTrail = { offered: [], tried: [], locked: [] }
  // It tells which methods the host has, and is all that some need (Tailscale SSH).
  const methods: { label: string; method: AnyAuthMethod }[] = [
    { label: '', method: { type: 'none', username } },
  ]
  const own: typeof methods = []
  const forAgent: Buffer[] = []
  const named: Buffer[] = []
  const certificates = new CertificateShelf(credentials.certificates)
  for (const { label, privateKey, publicKey } of credentials.identities) {
    const key = privateKey === undefined ? undefined : utils.parseKey(privateKey)
    if (key !== undefined && !(key instanceof Error)) {
      named.push(key.getPublicSSH())
      for (const [words, one] of certificates.variants(key)) {
        own.push({ label: label + words, method: { type: 'publickey', username, key: one } })
      }
      continue
    }
    if (publicKey !== undefined) forAgent.push(publicKey)
    const locked = key !== undefined && /encrypted|passphrase/i.test(key.message)
    if (locked) trail.locked.push(label)
    if (key !== undefined) {
      trail.tried.push(`${label} (${locked ? 'needs a passphrase' : 'not a usable private key'})`)
    }
  }
  if (agent !== undefined && (!credentials.only || forAgent.length > 0)) {
    const only = credentials.only ? forAgent : undefined
    const label = `agent ${agent}`
    const user = new UserAgent(agent, { only, first: [...forAgent, ...named] }, certificates, {
      silent: (why) => trail.tried.push(`${label} (${why})`),
      asked: (isAsked) => {
        trail.isAgentAsked = isAsked
        if (!isAsked) trail.agentAnsweredMs = performance.now()
      },
    })
    methods.push({ label, method: { type: 'agent', username, agent: user } })
  }
  methods.push(...own)
  const next: NextMethod = (left, _partial, go) => {
    if (left !== null) trail.offered = left
    const chosen = methods.shift()
    if (chosen?.label) trail.tried.push(chosen.label)
    if (chosen === undefined) trail.tried.push(...certificates.unused())
    go(chosen?.method ?? false)
  }
  return { trail, next }
}

/** The certificates there are, and which of them found a key. */
class CertificateShelf {
  readonly #certificates: readonly Certificate[]
  readonly #used = new Set<Certificate>()

  constructor(certificates: readonly Certificate[]) {
    this.#certificates = certificates
  }

  /** The key with each of its certificates and at last alone, with words that tell them apart. */
  variants(key: ParsedKey): [words: string, key: ParsedKey][] {
    const fitting = this.#certificates.filter((one) => one.publicKey.equals(key.getPublicSSH()))
    for (const one of fitting) this.#used.add(one)
    return [
      ...fitting.map((one): [string, ParsedKey] => [
        ` with the certificate ${one.label}${lapse(one)}`,
        withCertificate(key, one),
      ]),
      ['', key],
    ]
  }

  unused(): string[] {
    return this.#certificates
      .filter((one) => !this.#used.has(one))
      .map(({ label }) => `the certificate ${label} (no private key for it is there)`)
  }
}

const lapse = ({ endMs }: Certificate) =>
  endMs <= Date.now() ? `, which ended ${new Date(endMs).toISOString()}` : ''

/** Which keys of an agent are shown: `only` these if it is given, and those of `first` before others. */
interface AgentKeys {
  readonly only: readonly Buffer[] | undefined
  /** A host that has refused a few keys looks at no more. */
  readonly first: readonly Buffer[]
}

interface AgentEvents {
  silent(why: string): void
  asked(isAsked: boolean): void
}

/** The user's ssh-agent. One that does not answer has no keys: there may be others. */
class UserAgent extends BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent
  readonly #keys: AgentKeys
  readonly #certificates: CertificateShelf
  readonly #events: AgentEvents

  constructor(
    socket: string,
    keys: AgentKeys,
    certificates: CertificateShelf,
    events: AgentEvents,
  ) {
    super()
    this.#agent = createAgent(socket)
    this.#keys = keys
    this.#certificates = certificates
    this.#events = events
  }

  override getIdentities(answer: (error: Error | undefined, keys: ParsedKey[]) => void): void {
    const { only, first } = this.#keys
    const isOf = (keys: readonly Buffer[], key: ParsedKey) =>
      keys.some((one) => one.equals(key.getPublicSSH()))
    this.#events.asked(true)
    this.#agent.getIdentities((error, found = []) => {
      this.#events.asked(false)
      if (error) this.#events.silent(`does not answer: ${error.message}`)
      const keys = (error ? [] : found).filter((key): key is ParsedKey => typeof key === 'object')
      const shown = keys.filter((key) => only === undefined || isOf(only, key))
      const ordered = [
        ...shown.filter((key) => isOf(first, key)),
        ...shown.filter((key) => !isOf(first, key)),
      ]
      answer(
        undefined,
        ordered.flatMap((key) => this.#certificates.variants(key).map(([, one]) => one)),
      )
    })
  }

  override sign(key: ParsedKey, data: Buffer, ...rest: unknown[]): void {
    const answer = rest.pop() as (...result: unknown[]) => void
    const told = (...result: unknown[]) => {
      this.#events.asked(false)
      answer(...result)
    }
    this.#events.asked(true)
    this.#agent.sign(withoutCertificate(key), data, ...([...rest, told] as [never]))
  }
}
