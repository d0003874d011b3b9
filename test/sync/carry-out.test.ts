/** What a pass that was carried out leaves for the next one. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { carryOut } from '../../src/sync/carry-out.ts'
import { reconcile } from '../../src/sync/reconcile/reconcile.ts'
import { changesSince } from '../../src/sync/reconcile/reconcile-changed.ts'
import { atOnce } from '../../src/sync/slices.ts'
import type { Entry } from '../../src/sync/snapshot.ts'
import { type TreePath, treePath } from '../../src/tree.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'
import { counted } from './counted.ts'

let sandbox: LocalSandbox
beforeEach(() => {
  sandbox = localSandbox({ beside: true })
})
afterEach(() => sandbox.remove())

test('what a pass has made is known to be all that is not as it was looked at', async () => {
  const host = join(sandbox.folder, 'host')
  mkdirSync(join(host, 'of the host'), { recursive: true })
  mkdirSync(join(sandbox.root, 'of the sandbox'))
  // Nobody looks at these: they are the same on both sides.
  const others = Array.from({ length: 5_000 }, (_, i) => `d${i}`)
  const scan = (...paths: string[]) => {
    const directory: Entry = { kind: 'directory' }
    const snapshot = new Map<TreePath, Entry>(paths.map((path) => [treePath(path), directory]))
    return { snapshot, problems: [] }
  }
  const scans = {
    host: scan(...others, 'of the host'),
    sandbox: scan(...others, 'of the sandbox'),
  }
  const ancestor = scan(...others).snapshot
  const found = { ...scans, ancestor, leavesOut: () => false, hostFoldsCase: false }
  const { left } = await carryOut(atOnce(reconcile(found)), {
    scripts: channelScripts(sandbox),
    root: sandbox.root,
    host: { root: host, owner: undefined },
    scans,
    sizeOf: () => 0,
    toldOf: () => undefined,
    ancestor,
    hidesFile: () => false,
    context: { signal: new AbortController().signal, report: () => {} },
  })
  expect(existsSync(join(host, 'of the sandbox'))).toBe(true)
  expect(existsSync(join(sandbox.root, 'of the host'))).toBe(true)
  // Without a step there is no time to look at all of them.
  expect(counted(changesSince(left, scans))).toEqual({
    steps: 0,
    value: new Set(['of the sandbox', 'of the host']),
  })
})
