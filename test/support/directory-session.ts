/** A session over plain directories of this machine, for the tools that need files and no sandbox. */
import { Session } from '../../src/session.ts'
import type { Tree } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import type { Workspace } from '../../src/workspace.ts'
import { MountTable } from '../../src/workspaces/mount-table.ts'

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

/** A `HostTree` of the test process's own files under `root`, a real path. */
function hostTree(root: string): HostTree {
  return new HostTree({ root, owner })
}

/** `/workspace` inside is `root`; every other absolute path lies under `inside`. Never opens a sandbox. */
export function directorySession(
  root: string,
  inside: string,
  files: Tree = hostTree(root),
  beside: Tree = hostTree(inside),
) {
  const mount = { tree: files, sandbox: '/workspace', alias: '/workspace', host: root }
  const table = new MountTable([mount], beside)
  const workspace: Workspace = {
    files,
    locate: async (path) => table.locate(path),
    workdir: async (path) => table.workdir(path),
    open: () => Promise.reject(new Error('these tests open no sandbox')),
    takeNews: () => [],
    remove: async () => {},
  }
  return new Session(workspace, { ephemeral: false })
}
