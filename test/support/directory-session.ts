/** A session over plain directories of this machine, for the tools that need files and no sandbox. */
import { Session } from '../../src/session.ts'
import type { Tree } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { BindWorkspace, workspaceMount } from '../../src/workspace.ts'

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

/** A `HostTree` of the test process's own files under `root`, a real path. */
function hostTree(root: string): HostTree {
  return new HostTree({ root, owner })
}

/** `/workspace` inside is `root`; every other absolute path lies under `inside`. Never opens a sandbox. */
export function directorySession(root: string, inside: string, files: Tree = hostTree(root)) {
  const spec = {
    name: 'sbx-aaaaaaaaaaaaaaa',
    installation: 'test',
    scopeKey: 'test',
    agent: 'main',
    mounts: [workspaceMount(root, true)] as const,
    owner,
  }
  const noBackend = () => Promise.reject(new Error('these tests open no sandbox'))
  const workspace = new BindWorkspace(noBackend, spec, files, hostTree(inside))
  return new Session(workspace, { ephemeral: false })
}
