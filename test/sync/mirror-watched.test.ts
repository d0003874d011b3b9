/** What a watch on the host does not tell is lost neither, when the sandbox changes the same file. */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { channelScripts } from '../../src/script.ts'
import type { Mirror } from '../../src/sync/mirror.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'
import { watches } from '../support/watches.ts'

let sandbox: LocalSandbox
let mirror: Mirror
beforeEach(() => {
  sandbox = localSandbox({ beside: true })
})
afterEach(async () => {
  await mirror.close()
  sandbox.remove()
})

test.runIf(process.platform === 'linux')(
  'both versions are kept',
  { timeout: 60_000 },
  async () => {
    const host = join(sandbox.folder, 'host')
    mkdirSync(join(host, 'd'), { recursive: true })
    for (let i = 0; i < 1_000; i++) writeFileSync(join(host, `d/f${i}`), `${i}`)
    mirror = newMirror(host, join(sandbox.folder, 'ancestor'))
    const context = { signal: new AbortController().signal, report: () => {} }
    const sync = () => mirror.sync(channelScripts(sandbox), 'both', context)
    await sync()
    await expect.poll(watches, { timeout: 10_000 }).toBeGreaterThan(1)
    // Those who watch its directory are not told of this name, nor of what is changed by it.
    const other = join(sandbox.folder, 'other')
    linkSync(join(host, 'd/f7'), other)
    const isUnseen = async () => {
      appendFileSync(other, ' of the host')
      return (await sync()).toSandbox.length === 0
    }
    await expect.poll(isUnseen, { interval: 300, timeout: 20_000 }).toBe(true)

    writeFileSync(join(sandbox.root, 'd/f7'), 'of the sandbox')
    const { conflicts, isComplete } = await sync()
    expect({ conflicts: conflicts.length, isComplete }).toEqual({ conflicts: 1, isComplete: true })
    const versions = readdirSync(join(host, 'd'))
      .filter((name) => name.startsWith('f7') && !/^f7\d/.test(name))
      .map((name) => readFileSync(join(host, 'd', name), 'utf8'))
    expect(versions).toHaveLength(2)
    expect(versions).toContain('of the sandbox')
    expect(versions).toContain(readFileSync(other, 'utf8'))
    await mirror.close()
    expect(watches()).toBe(0)
  },
)
