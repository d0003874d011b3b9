/** The session of one client: put together at first need, when it is known which directory it is about. */
import { refuseFilesIn, rulingFiles } from '../config/untrusted-file.ts'
import type { ClientRoots } from '../mcp/client-roots.ts'
import type { Served, SessionProvider } from '../mcp/session-provider.ts'
import type { Backend } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { planSandbox, type SandboxPlan } from './plan-sandbox.ts'
import { chooseWorkspace, dependsOnRoots, type WorkspaceChoice } from './workspace-choice.ts'

export interface SourceOptions {
  readonly settings: Settings
  /** Where this server keeps what it must remember. */
  readonly state: string
  /** The settings' files: none may be in the workspace. */
  readonly filesRead: readonly string[]
  readonly choose: (signal: AbortSignal) => Promise<Backend>
  /** Told which sandbox and which directory it is, as soon as that is known. */
  readonly planned: (plan: SandboxPlan) => void
  /** Told what a person should know. */
  readonly log: (line: string) => void
}

interface Made extends Served {
  readonly plan: SandboxPlan
}

export class SessionSource implements SessionProvider {
  readonly #options: SourceOptions
  #planned: Promise<SandboxPlan> | undefined
  #made: Promise<Made> | undefined

  constructor(options: SourceOptions) {
    this.#options = options
  }

  /**
   * What the session will be about, the same from then on. `CONFIG_INVALID` for a workspace that may not be
   * one, and settings that contradict each other.
   */
  plan(roots: ClientRoots): Promise<SandboxPlan> {
    this.#planned ??= this.#plan(roots).catch((error: unknown) => {
      this.#planned = undefined
      throw error
    })
    return this.#planned
  }

  /** Rejects as `plan`. */
  get(roots: ClientRoots): Promise<Served> {
    this.#made ??= this.#make(roots).catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  /** What has a sandbox stays where it is; the client is told that only a restart changes that. */
  async rootsChanged(roots: ClientRoots): Promise<boolean> {
    const { settings, log } = this.#options
    const making = this.#made
    if (!dependsOnRoots(settings) || making === undefined) return false
    const made = await making.catch(() => undefined)
    if (made === undefined) return false
    const wanted = chooseWorkspace(settings, await roots.list())
    // Another change was followed meanwhile, and what is made after it has asked for the roots since.
    if (this.#made !== making) return false
    const { session, plan } = made
    if (sameDirectory(wanted, plan)) return false
    if (!session.hasOpened) {
      this.#planned = undefined
      this.#made = undefined
      await endOf(made)
      log('the roots of the client changed: the workspace is chosen anew')
      return true
    }
    const now = wanted.path ?? 'a private workspace'
    const text = `the client's roots changed, but this session stays with ${plan.workspace}, because its sandbox is open: restart the server to work on ${now}`
    log(text)
    session.tell(text)
    return false
  }

  /** Ends the session, if there is one, and removes what ends with it. */
  async close(): Promise<void> {
    const made = await this.#made?.catch(() => undefined)
    if (made !== undefined) await endOf(made)
    else (await this.#planned?.catch(() => undefined))?.remove()
  }

  async #plan(roots: ClientRoots): Promise<SandboxPlan> {
    const { settings, state, filesRead, planned } = this.#options
    const uris = dependsOnRoots(settings) ? await roots.list() : []
    const choice = chooseWorkspace(settings, uris)
    const files = rulingFiles(settings, filesRead)
    if (choice.path !== undefined) refuseFilesIn(choice.path, files)
    const plan = planSandbox(settings, state, choice)
    for (const { host, writable } of plan.binds) if (writable) refuseFilesIn(host, files)
    planned(plan)
    return plan
  }

  async #make(roots: ClientRoots): Promise<Made> {
    const { settings, choose } = this.#options
    const plan = await this.plan(roots)
    // A client's first answer does not wait for what its calls need.
    const { makeSession } = await import('./make-session.ts')
    const { session, sight } = makeSession(settings, plan, {}, choose)
    return { session, sight, plan }
  }
}

async function endOf({ session, plan }: Made): Promise<void> {
  await session.close()
  plan.remove()
}

const sameDirectory = ({ path }: WorkspaceChoice, { workspace, source }: SandboxPlan) =>
  path === undefined ? source === 'nobody' : path === workspace
