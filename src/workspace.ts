/**
 * One sandbox and its trees, as the tools see them. In bind mode, the only one so far, the sandbox
 * mounts the host's directory: files of the workspace are read and written on the host, which is
 * quick and needs no engine, and all other files inside.
 */
import { isAbsolute, relative } from 'node:path'
import { argumentInvalid, pathInvalid } from './errors.ts'
import type { Backend, Mount, OpenContext, Sandbox, SandboxSpec } from './sandbox.ts'
import { type Tree, type TreePath, treePath } from './tree.ts'

/** Where a path that the model gave leads. */
export interface Located {
  readonly tree: Tree
  readonly path: TreePath
  /** How results name it: relative to the workspace, or absolute inside the sandbox. */
  readonly shown: string
}

export interface Workspace {
  /** Absolute path of the workspace inside the sandbox. */
  readonly root: string
  /** The files of the workspace. */
  readonly files: Tree
  /**
   * Which tree a path belongs to: relative to the workspace, absolute inside the sandbox, or the
   * host's own spelling of a path in the workspace. `PATH_OUTSIDE` for one that climbs out.
   */
  locate(path: string): Located
  /** The absolute path inside of a working directory that was given in any of those ways. */
  workdir(path: string | undefined): string
  /** Finds or creates the sandbox. */
  open(context: OpenContext): Promise<Sandbox>
  /** Removes the sandbox. */
  remove(signal: AbortSignal): Promise<void>
}

export class BindWorkspace implements Workspace {
  readonly root: string
  readonly files: Tree
  readonly #choose: (signal: AbortSignal) => Promise<Backend>
  readonly #spec: SandboxSpec
  readonly #inside: Tree
  readonly #host: string
  #backend: Backend | undefined

  /** `files` is the tree of the first mount, on the host; `inside` the one of the sandbox's `/`. */
  constructor(
    choose: (signal: AbortSignal) => Promise<Backend>,
    spec: SandboxSpec,
    files: Tree,
    inside: Tree,
  ) {
    const [{ host, sandbox }] = spec.mounts
    this.#choose = choose
    this.#spec = spec
    this.files = files
    this.#inside = inside
    this.#host = host
    this.root = sandbox
  }

  locate(path: string): Located {
    if (path === '') throw pathInvalid(path, 'it is empty')
    if (!isAbsolute(path)) return this.#inWorkspace(path)
    const clean = `/${treePath(path.replace(/^\/+/, ''))}`
    const within = below(clean, this.root) ?? below(clean, this.#host)
    if (within !== undefined) return this.#inWorkspace(within)
    const inside = treePath(clean.slice(1))
    return { tree: this.#inside, path: inside, shown: clean }
  }

  workdir(path: string | undefined): string {
    if (path === undefined || path === '') return this.root
    if (path.trim() === '') {
      throw argumentInvalid('workdir is blank', 'Leave workdir out to use the workspace.')
    }
    const located = this.locate(path)
    if (located.tree !== this.files) return located.shown
    return located.path === '' ? this.root : `${this.root}/${located.path}`
  }

  async open(context: OpenContext): Promise<Sandbox> {
    this.#backend ??= await this.#choose(context.signal)
    return this.#backend.open(this.#spec, context)
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.#backend?.remove(this.#spec.name, signal)
  }

  #inWorkspace(path: string): Located {
    const inTree = treePath(path)
    return { tree: this.files, path: inTree, shown: inTree === '' ? '.' : inTree }
  }
}

/** The rest of `path` when it is `root` or below it; the comparison is by whole components. */
function below(path: string, root: string): string | undefined {
  const rest = relative(root, path)
  return rest === '..' || rest.startsWith('../') || isAbsolute(rest) ? undefined : rest
}

/** The mount that a workspace at `host` gets. */
export const workspaceMount = (host: string, writable: boolean): Mount => ({
  host,
  sandbox: '/workspace',
  writable,
})
