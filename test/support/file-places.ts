/**
 * Directories for the tools that read and write files, wherever a session's files can be: on the host,
 * on an SSH host, in sandboxes of OpenShell, and on the host and in one of them. One sandbox serves a whole suite; each case has
 * directories of its own in it.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, onTestFinished } from 'vitest'
import type { Session } from '../../src/session.ts'
import { SandboxTree, type ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { describeWhere } from './available.ts'
import { directoriesIn, giveTo, temporaryPair } from './directory-contents.ts'
import { directorySession } from './directory-session.ts'
import { type MirroredFiles, startMirroredFiles } from './mirrored-files.ts'
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

  describeWhere('openshell-double', `OpenShell, mirror: ${name}`, () => {
    let mirrored: MirroredFiles
    beforeAll(async () => {
      mirrored = await startMirroredFiles()
    })
    afterAll(() => mirrored?.close())
    // What a tool has written there is in the sandbox without any other call.
    afterEach(() => mirrored.arrived())
    fn(() => mirrored.newPlace())
  })
}

/** Directories of this machine, gone when the test is over. */
export function hostPlace(): FilePlace {
  const { root, inside } = temporaryPair()
  return { root, inside, session: directorySession(root, inside), ready: () => {} }
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
