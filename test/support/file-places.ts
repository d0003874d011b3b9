/**
 * Directories for the tools that read and write files, wherever a session's files can be: on the host,
 * on an SSH host, and in sandboxes of OpenShell. One sandbox serves a whole suite; each case has
 * directories of its own in it.
 */
import { lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Session } from '../../src/session.ts'
import { SandboxTree, type ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { describeWhere } from './available.ts'
import { contentsOf, temporaryPair } from './directory-contents.ts'
import { directorySession } from './directory-session.ts'
import { type MirrorServer, startMirrorServer } from './mirror-session.ts'
import { describeFarSessions, type TestSession } from './sandbox-session.ts'

export interface FilePlace {
  /** The workspace's files, on this machine; empty at first. */
  readonly root: string
  /** What is at `/` beside them. */
  readonly inside: string
  readonly session: Session
  /** To be called when something was put there by the test: it belongs to the sandbox's user then. */
  ready(): void
}

/** Runs `fn` for each place; what it calls gives a place of its own to each case. */
export function describeFiles(name: string, fn: (newPlace: () => FilePlace) => void): void {
  describe(`on the host: ${name}`, () => fn(hostPlace))

  describeFarSessions(name, (open) => {
    let it: TestSession
    let count = 0
    beforeAll(async () => {
      it = await open()
    })
    afterAll(() => it?.close())
    fn(() => farPlace(it, `case-${count++}`))
  })

  describeMirror(name, fn)
}

/** Directories of this machine, gone when the test is over. */
export function hostPlace(): FilePlace {
  const { root, inside } = temporaryPair()
  return { root, inside, session: directorySession(root, inside), ready: () => {} }
}

/** The tools act on the host's files; a command then finds all of them in the sandbox. */
function describeMirror(name: string, fn: (newPlace: () => FilePlace) => void): void {
  describeWhere('openshell-double', `OpenShell, mirror: ${name}`, () => {
    let server: MirrorServer
    let it: TestSession
    let count = 0
    beforeAll(async () => {
      server = await startMirrorServer()
      it = await server.open()
    })
    afterAll(async () => {
      await it?.close()
      await server?.close()
    })
    fn(() => {
      const [root, inside] = directoriesIn(it.host, `case-${count++}`)
      return { root, inside, session: directorySession(root, inside), ready: () => {} }
    })

    test('all of it is in the sandbox as it is on the host', { timeout: 120_000 }, async () => {
      expect((await it.sh('true')).isError).toBe(false)
      const { '.sandbox-mcp': _, ...there } = contentsOf(it.files)
      const own = (path: string) => path.startsWith('.sandbox-mcp/')
      const files = Object.entries(there).filter(([path]) => !own(path))
      expect(Object.fromEntries(files)).toEqual(contentsOf(it.host))
    })
  })
}

function farPlace(it: TestSession, directory: string): FilePlace {
  const [root, inside] = directoriesIn(it.files, directory)
  const run: ScriptRunner = (...script) => it.session.run(...script)
  const tree = (name: string) =>
    new SandboxTree(run, { root: `${it.root}/${directory}/${name}`, lock: it.spec.name })
  const session = directorySession(root, inside, tree('workspace'), tree('inside'))
  const { uid, gid } = statSync(it.files)
  const ready = () => giveTo(join(root, '..'), uid, gid)
  ready()
  onTestFinished(() => session.close())
  return { root, inside, session, ready }
}

function directoriesIn(parent: string, name: string): [root: string, inside: string] {
  const directories = ['workspace', 'inside'].map((one) => join(parent, name, one))
  for (const path of directories) mkdirSync(path, { recursive: true })
  return directories as [string, string]
}

function giveTo(path: string, uid: number, gid: number): void {
  lchownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) giveTo(inner, uid, gid)
    else lchownSync(inner, uid, gid)
  }
}
