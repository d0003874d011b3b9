/** Directories of one mirrored workspace, each a workspace of its own to the tools that are called on it. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Backend, Sandbox, SandboxSpec } from '../../src/sandbox.ts'
import { Session } from '../../src/session.ts'
import { Mirror } from '../../src/sync/mirror.ts'
import type { Change, TreePath } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { SandboxTree } from '../../src/trees/sandbox-tree.ts'
import type { Located } from '../../src/workspace.ts'
import { MirrorWorkspace, type MirrorWorkspaceOptions } from '../../src/workspaces/mirror.ts'
import { giveTo } from './directory-contents.ts'
import type { FilePlace } from './file-places.ts'
import { startMirrorServer } from './mirror-session.ts'

export interface MirroredFiles {
  /** In a directory of its own. */
  newPlace(): FilePlace
  /** Resolves when all that the tools have written in the places is in the sandbox; then they are gone. */
  arrived(): Promise<void>
  close(): Promise<void>
}

interface Places {
  readonly written: Set<TreePath>
  readonly host: string
  readonly sandbox: string
}

const soon = { timeout: 30_000, interval: 20 }
const never = new AbortController().signal

/** What no sync looks at: the files at `/` of the places. */
const elsewhere = 'elsewhere'

export async function startMirroredFiles(): Promise<MirroredFiles> {
  const server = await startMirrorServer()
  const it = await server.open({
    settings: { sync: { ignore: [`/${elsewhere}`], gitignore: false } },
    // What is emptied is not synced.
    prepare: (host) => writeFileSync(join(host, 'kept'), ''),
  })
  const sandbox = await it.session.sandbox({ signal: never, report: () => {} })
  const files = server.double.newestWorkspace()
  const { uid, gid } = statSync(files)
  const { spec, host } = it
  const mirror = new Mirror({
    host,
    owner: spec.owner,
    root: () => sandbox.root,
    ignore: [`/${elsewhere}`],
    gitignore: false,
    ancestorFile: join(host, '../state/sync', `${spec.name}.ancestor`),
  })
  const backend: Backend = {
    kind: sandbox.kind,
    checks: [],
    open: async () => sandbox,
    list: async () => [],
    remove: async () => {},
  }
  const places: Places[] = []
  let count = 0

  return {
    newPlace() {
      const name = `case-${count++}`
      const [root, inside] = [join(host, name), join(files, elsewhere, name)]
      mkdirSync(root)
      mkdirSync(inside, { recursive: true })
      const ready = () => giveTo(join(files, elsewhere), uid, gid)
      ready()
      const tree = new WatchedTree({ root, owner: spec.owner })
      places.push({ written: tree.written, host: root, sandbox: join(files, name) })
      const own: SandboxSpec = {
        ...spec,
        mounts: [{ host: root, sandbox: '/workspace', writable: true }],
      }
      const options = {
        choose: async () => backend,
        spec: own,
        trees: [tree] as const,
        mirrors: [mirror] as const,
        inside: new SandboxTree((...script) => it.session.run(...script), {
          root: `${sandbox.root}/${elsewhere}/${name}`,
        }),
        roots: [`${sandbox.root}/${name}`],
        scripts: () => it.session.scripts,
      }
      const workspace = new OpenMirrorWorkspace(options, sandbox)
      return { root, inside, session: new Session(workspace, { ephemeral: false }), ready }
    },
    async arrived() {
      for (const { written, host, sandbox } of places.splice(0)) {
        const paths = [...written]
        await expect.poll(() => at(sandbox, paths), soon).toEqual(at(host, paths))
        rmSync(host, { recursive: true })
      }
    },
    async close() {
      await it.close()
      await server.close()
    },
  }
}

/** Knows which paths it has changed. */
class WatchedTree extends HostTree {
  readonly written = new Set<TreePath>()

  override async apply(changes: readonly Change[], signal?: AbortSignal): Promise<void> {
    await super.apply(changes, signal)
    for (const { path } of changes) this.written.add(path)
  }
}

/** One whose sandbox somebody else has opened. */
class OpenMirrorWorkspace extends MirrorWorkspace {
  readonly #sandbox: Sandbox

  constructor(options: MirrorWorkspaceOptions, sandbox: Sandbox) {
    super(options)
    this.#sandbox = sandbox
  }

  override locate(path: string): Promise<Located> {
    return super.locate(path, async () => this.#sandbox)
  }
}

/** What is at each path: its content, and whether it can be executed. */
function at(root: string, paths: readonly TreePath[]): Record<string, string | undefined> {
  const whole = (path: TreePath) => {
    try {
      const executable = (statSync(join(root, path)).mode & 0o100) !== 0
      return `${executable ? 'executable ' : ''}${readFileSync(join(root, path), 'latin1')}`
    } catch {
      return undefined
    }
  }
  return Object.fromEntries(paths.map((path) => [path, whole(path)]))
}
