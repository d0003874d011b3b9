/** A directory to list and watch, and what sees it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { canPin } from '../../src/real-paths.ts'
import { HostSight } from '../../src/resources/host-sight.ts'
import type { Tree } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import type { HostRoot } from '../../src/trees/host-walk.ts'

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

export interface Place {
  readonly root: string
  /** Beside the root, with a file `secret` in it. */
  readonly outside: string
  readonly tree: Tree
  readonly sight: HostSight
  readonly hostRoot: HostRoot
  write(path: string, content?: string): void
}

/** Gone when the test is over. */
export function newPlace(): Place {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-resources-')))
  onTestFinished(() => rmSync(base, { recursive: true, force: true }))
  const [root, outside] = [join(base, 'ws'), join(base, 'ws-evil')]
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'secret')
  const hostRoot = { path: root, sandboxRoot: '/workspace', pinned: canPin }
  return {
    root,
    outside,
    tree: new HostTree({ root, owner, sandboxRoot: '/workspace' }),
    sight: new HostSight(hostRoot),
    hostRoot,
    write: (path, content = '') => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), content)
    },
  }
}
