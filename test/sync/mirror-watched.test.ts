/** What a watch on the host does not tell is lost neither, when the sandbox changes the same file. */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
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
    for (let i = 0; i < 1_000; i++) {
      mkdirSync(join(host, `d${i % 100}`), { recursive: true })
      writeFileSync(join(host, `d${i % 100}/f${i}`), `${i}`)
    }
    mirror = newMirror(host, join(sandbox.folder, 'ancestor'))
    const context = { signal: new AbortController().signal, report: () => {} }
    const sync = () => mirror.sync(channelScripts(sandbox), 'both', context)
    await sync()
    await expect.poll(watches, { timeout: 10_000 }).toBeGreaterThan(1)
    const other = join(sandbox.folder, 'other')
    let tries = 0
    // Those who watch its directory are not told of this name, nor of what is changed by it. A sync that
    // looks at everything finds it all the same, and looks at that directory from then on.
    const isUnseen = async () => {
      tries += 1
      rmSync(other, { force: true })
      linkSync(join(host, `d${tries}/f${tries}`), other)
      appendFileSync(other, ' of the host')
      return (await sync()).toSandbox.length === 0
    }
    await expect.poll(isUnseen, { interval: 300, timeout: 20_000 }).toBe(true)

    writeFileSync(join(sandbox.root, `d${tries}/f${tries}`), 'of the sandbox')
    const { conflicts, isComplete } = await sync()
    expect({ conflicts: conflicts.length, isComplete }).toEqual({ conflicts: 1, isComplete: true })
    const versions = readdirSync(join(host, `d${tries}`))
      .filter((name) => name === `f${tries}` || name.startsWith(`f${tries}.`))
      .map((name) => readFileSync(join(host, `d${tries}`, name), 'utf8'))
    expect(versions).toHaveLength(2)
    expect(versions).toContain('of the sandbox')
    expect(versions).toContain(readFileSync(other, 'utf8'))
    await mirror.close()
    expect(watches()).toBe(0)
  },
)
