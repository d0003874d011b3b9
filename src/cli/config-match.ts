/** Whether a sandbox is as the present settings would make it. */
import type { Backend, SandboxInfo } from '../sandbox.ts'
import { planSandbox } from '../sessions/plan-sandbox.ts'
import type { Settings } from '../settings.ts'
import { connect } from './engines.ts'

/**
 * `unused`: the settings name another backend. `unknown`: they may lead to another sandbox, or the
 * backend does not tell what it was made with.
 */
export type ConfigMatch = 'current' | 'stale' | 'unused' | 'unknown'

export class ConfigMatcher {
  readonly #state: string
  readonly #backends = new Map<string, Promise<Backend>>()

  constructor(state: string) {
    this.#state = state
  }

  /** `settings` are those of the sandbox's agent. Makes nothing. Never rejects. */
  async match(info: SandboxInfo, settings: Settings, signal: AbortSignal): Promise<ConfigMatch> {
    const { backend } = settings
    if (info.kind === 'host') return 'unknown'
    if (backend !== info.kind && (backend !== 'auto' || !isLocal(info))) return 'unused'
    // A private workspace does not tell which directory of the user's it was made for.
    if (info.configHash === undefined || settings.access !== 'rw') return 'unknown'
    try {
      const workspace = { path: info.workspace, source: 'the sandbox' }
      const asked = {
        ...settings,
        ...session(info),
        mode: 'all',
        workspace,
        ephemeral: false,
      } as const
      const { spec } = planSandbox(asked, this.#state)
      if (spec.name !== info.name) return 'unknown'
      const expected = await (await this.#backend(info, settings)).configHash?.(spec, signal)
      if (expected === undefined) return 'unknown'
      return expected === info.configHash ? 'current' : 'stale'
    } catch {
      return 'unknown'
    }
  }

  #backend({ kind }: SandboxInfo, settings: Settings): Promise<Backend> {
    const key = `${kind} ${settings.agent}`
    const known = this.#backends.get(key)
    if (known !== undefined) return known
    const made = connect(kind, settings)
    this.#backends.set(key, made)
    return made
  }
}

function session({ scopeKey }: SandboxInfo): { session?: string } {
  const found = sessionOf(scopeKey)
  return found === undefined ? {} : { session: found }
}

/** The session in a scope key that names one. It may hold anything, also what looks like a key's end. */
export function sessionOf(scopeKey: string): string | undefined {
  return /^agent:[^:]+:(.+):workspace:[0-9a-f]{32}(?::access:\w+)?(?::server:\d+:\d*)?$/.exec(
    scopeKey,
  )?.[1]
}

const isLocal = ({ kind }: SandboxInfo) => kind === 'docker' || kind === 'bubblewrap'
