/** What a sync of a large workspace moves: what has changed, and nothing else. */
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }

let sandbox: LocalSandbox
beforeEach(() => {
  sandbox = localSandbox({ beside: true })
})
afterEach(() => sandbox.remove())

const mirrorOf = (host: string) => newMirror(host, join(sandbox.folder, 'ancestor'))

test('of 10,000 files none is moved when none has changed, and one each way when one has on each side', {
  timeout: 300_000,
}, async () => {
  const host = join(sandbox.folder, 'host')
  for (let directory = 0; directory < 100; directory++) {
    mkdirSync(join(host, `d${directory}`), { recursive: true })
    for (let file = 0; file < 100; file++) {
      writeFileSync(join(host, `d${directory}/f${file}`), `${directory} ${file}`)
    }
  }
  const mirror = mirrorOf(host)
  await mirror.sync(channelScripts(sandbox), 'both', context)
  const last = join(sandbox.root, 'd99/f99')
  expect(readFileSync(last, 'utf8')).toBe('99 99')
  const published = sandbox.root
  // To put it in its place was the last change of all. What was sent so lately that a look tells of it makes another script of what has changed.
  await expect
    .poll(() => Date.now() - lstatSync(published).ctimeMs, { timeout: 5_000 })
    .toBeGreaterThan(600)
  // The look after that is the first to find little.
  await mirror.sync(channelScripts(sandbox), 'sandbox', context)

  const started = sandbox.started
  for (const look of ['host', 'sandbox', 'both'] as const) {
    expect(await mirror.sync(channelScripts(sandbox), look, context)).toMatchObject({
      toHost: [],
      toSandbox: [],
    })
  }
  // One script for each look at the sandbox, and none that moves anything.
  expect(sandbox.started - started).toBe(2)

  writeFileSync(join(host, 'd3/f3'), 'of the host')
  writeFileSync(join(sandbox.root, 'd4/f4'), 'of the sandbox')
  expect(await mirror.sync(channelScripts(sandbox), 'both', context)).toMatchObject({
    toHost: ['d4/f4'],
    toSandbox: ['d3/f3'],
  })
  // A look that tells what it has found and what is in it, and what goes.
  expect(sandbox.started - started).toBe(4)
  expect(readFileSync(join(host, 'd4/f4'), 'utf8')).toBe('of the sandbox')

  // What was noted of that, beside all the rest, is what another server finds to have been agreed on.
  rmSync(join(host, 'd4/f4'))
  expect(await mirrorOf(host).sync(channelScripts(sandbox), 'both', context)).toMatchObject({
    toHost: [],
    toSandbox: ['d4/f4'],
  })
})

test.each([
  ['beside it', true],
  ['in it', false],
])(
  'a first push of many files hashes none in the sandbox, where what is ours is %s',
  async (_, beside) => {
    sandbox.remove()
    sandbox = localSandbox({ beside })
    const host = join(sandbox.folder, 'host')
    mkdirSync(join(host, 'd'), { recursive: true })
    for (let file = 0; file < 600; file++) writeFileSync(join(host, `d/f${file}`), `${file}`)
    for (const name of ['a', 'b']) writeFileSync(join(host, name), name)
    const mirror = mirrorOf(host)
    await mirror.sync(channelScripts(sandbox), 'both', context)
    // What looks for a mark, and what brings all and lists it.
    expect(sandbox.started).toBe(2)
    expect(await mirror.sync(channelScripts(sandbox), 'both', context)).toMatchObject({
      toHost: [],
      toSandbox: [],
    })
    await mirror.close()
  },
)

test.each(Object.entries(shells()))(
  'what is large comes and goes as bulk, and what is small with the commands: %s',
  async (_, tools) => {
    sandbox.remove()
    sandbox = localSandbox({ ...tools, beside: true })
    const host = join(sandbox.folder, 'host')
    mkdirSync(host)
    const mirror = mirrorOf(host)
    await mirror.sync(channelScripts(sandbox), 'both', context)
    for (const [side, bytes, transfers] of [
      [sandbox.root, 1000, 0],
      [sandbox.root, 2_000_000, 1],
      [host, 1000, 0],
      [host, 2_000_000, 1],
    ] as const) {
      const before = sandbox.transfers
      writeFileSync(join(side, 'file'), Buffer.alloc(bytes, side))
      const { toHost, toSandbox } = await mirror.sync(channelScripts(sandbox), 'both', context)
      expect([...toHost, ...toSandbox]).toEqual(['file'])
      expect(sandbox.transfers - before).toBe(transfers)
    }
  },
)
