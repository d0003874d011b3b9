/**
 * One sandbox and its tree or trees, as the tools see them. In bind mode the sandbox mounts the
 * host's directory: files of the workspace are read and written on the host, all others inside.
 */
import type { Sandbox } from './sandbox.ts'
import type { Tree, TreePath } from './tree.ts'

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
  /**
   * Which tree a path belongs to: relative to the workspace, absolute inside the sandbox, or the
   * host's own spelling of a path in the workspace. `PATH_OUTSIDE` for one that climbs out.
   */
  locate(path: string): Located
  /** Opens the sandbox at first use; later calls give the same one, and a lost one is opened anew. */
  sandbox(signal: AbortSignal): Promise<Sandbox>
  close(): Promise<void>
}
