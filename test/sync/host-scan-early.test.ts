/** A first scan of the host that is begun before anybody asks for it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { treePath } from '../../src/tree.ts'
import { newMirror } from '../support/local-mirror.ts'
import { localSandbox } from '../support/local-sandbox.ts'
import { ScannedHost } from './scanned-host.ts'

const never = new AbortController().signal
const [early, late] = [treePath('early'), treePath('late')]

let host: ScannedHost
beforeEach(() => {
  host = new ScannedHost()
  host.put('early')
})
afterEach(async () => {
  vi.restoreAllMocks()
  await host.close()
})

const names = async () => Object.keys((await host.scan()).snapshot)

/** Begins one, and changes something when it is at its end. */
async function begun(): Promise<void> {
  host.scanner.begin(never)
  // It waits for what goes on.
  await host.scanner.close()
  host.put('late')
}

test('who asks soon has its answer, and what has changed since by the next', async () => {
  await begun()
  expect(await names()).toEqual([early])
  expect(await names()).toEqual([early, late])
})

test('who asks late is told what there is then', async () => {
  await begun()
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + 2_000)
  expect(await names()).toEqual([early, late])
})

test('one that fails is as if it had not been begun', async () => {
  rmSync(host.root, { recursive: true })
  host.scanner.begin(never)
  await new Promise(setImmediate)
  mkdirSync(host.root)
  host.put('late')
  expect(await names()).toEqual([late])
})

test('what an image has brought along stays its own, if the host makes that meanwhile', async () => {
  const sandbox = localSandbox()
  const mirror = newMirror(host.root, join(sandbox.folder, 'ancestor'))
  try {
    writeFileSync(join(sandbox.root, 'late'), 'of the image')
    const report = (text: string) => {
      if (text.startsWith('seeding the workspace')) host.put('late')
    }
    const first = await mirror.sync(channelScripts(sandbox), 'both', { signal: never, report })
    expect(first).toMatchObject({ toHost: [], toSandbox: [], isComplete: true })
    host.put('other')
    const context = { signal: never, report: () => {} }
    const second = await mirror.sync(channelScripts(sandbox), 'both', context)
    expect(second).toMatchObject({ toHost: [], toSandbox: ['other'], conflicts: [] })
  } finally {
    await mirror.close()
    sandbox.remove()
  }
})
