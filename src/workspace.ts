/** One sandbox and its trees, as the tools see them. The kinds of workspaces are in `workspaces/`. */
import type { Mount, OpenContext, Sandbox } from './sandbox.ts'
import type { Foretold, Scripts } from './scripts/script.ts'
import type { Tree, TreePath } from './tree.ts'

/** Where a path that the model gave leads. */
export interface Located {
  readonly tree: Tree
  readonly path: TreePath
  /** How results name it: relative to the workspace, or absolute inside the sandbox. */
  readonly shown: string
}

/** What happened to the files that the client did not ask for. */
export interface News {
  /** A sentence. */
  readonly text: string
  /** The file of the workspace that it is about, where the client should see it. */
  readonly file?: TreePath
}

/** The side of a workspace that may have changed. */
export type Look = 'both' | 'host' | 'sandbox'

/** The open sandbox; opens it when it is not. */
export type Opened = () => Promise<Sandbox>

export interface Workspace {
  /** The files of the workspace. */
  readonly files: Tree
  /**
   * Which tree a path belongs to: relative to the workspace, absolute inside the sandbox, or the
   * host's own spelling of a path in the workspace. `PATH_OUTSIDE` for one that climbs out. Asks for
   * the sandbox where it alone can tell, or holds the file.
   */
  locate(path: string, opened: Opened): Promise<Located>
  /** The absolute path inside of a working directory that was given in any of those ways. */
  workdir(path: string | undefined, opened: Opened): Promise<string>
  /** Finds or creates the sandbox. Its workspace is whole when this resolves. */
  open(context: OpenContext): Promise<Sandbox>
  /** Rejects with `SANDBOX_LOST` when the open sandbox has no workspace any more, where that can be. */
  check?(sandbox: Sandbox, signal: AbortSignal): Promise<void>
  /**
   * Brings the host's files and the sandbox's in step, where they are two. `look` says which side may
   * have changed since the last time. False when the sandbox holds something even now that the host
   * does not have; what is left out of the sync does not count. `SYNC_HALTED`, `SYNC_INTERRUPTED`,
   * `CANCELLED`, `SANDBOX_LOST`.
   */
  sync?(scripts: Scripts, look: Look, context: OpenContext): Promise<boolean>
  /**
   * What a sync that looks at the sandbox will ask it first, if nothing is synced before: so it can be asked ahead.
   * Undefined where that is not known.
   */
  foretell?(sandbox: Sandbox, signal: AbortSignal): Promise<Foretold | undefined>
  /** What happened to the files, for the client; each is told once. */
  takeNews(): readonly News[]
  /** Removes the sandbox. */
  remove(signal: AbortSignal): Promise<void>
  /** Lets go of what it holds on the host, if it holds something; can be repeated. Nothing else follows. */
  close?(): Promise<void>
}

/** The names of the two mounts in paths that the model gives, whatever the sandbox calls them. */
export const aliases = { workspace: '/workspace', agent: '/agent' } as const

/** The mount that a workspace at `host` gets; `sandbox` is where it is inside. */
export const workspaceMount = (
  host: string,
  writable: boolean,
  sandbox: string = aliases.workspace,
): Mount => ({ host, sandbox, writable })

/** The mount that the user's directory gets beside a private workspace. */
export const agentMount = (host: string): Mount => ({
  host,
  sandbox: aliases.agent,
  writable: false,
})
