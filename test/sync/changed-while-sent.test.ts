/** What the host changes while a new sandbox is filled is a change of the host's, and no conflict. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import type { Channel } from '../../src/sandbox.ts'
import { channelScripts } from '../../src/scripts/script.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }
const places = Object.entries(shells()).flatMap(([name, tools]) =>
  [true, false].map((beside) => [name, beside, { ...tools, beside }] as const),
)
let sandbox: LocalSandbox
afterEach(() => sandbox.remove())

test.each(places)('by %s, beside the root: %s', async (_, __, tools) => {
  let fills = 0
  const change = (channel: Channel): Channel => {
    channel.stdin.once('pipe', (source: Readable) => {
      // All has been read, and nothing of it is in the sandbox yet.
      source.prependOnceListener('end', () => {
        fills += 1
        put('edited', 'of the host, later')
        put('new', 'made meanwhile')
        chmodSync(outside('script'), 0o755)
        for (const path of ['gone', 'link', 'd']) rmSync(outside(path), { recursive: true })
        symlinkSync('elsewhere', outside('link'))
      })
    })
    return channel
  }
  sandbox = localSandbox({ ...tools, through: change })
  const outside = (path: string) => join(sandbox.folder, 'host', path)
  const inside = (path: string) => join(sandbox.root, path)
  const put = (path: string, text: string) => {
    mkdirSync(dirname(outside(path)), { recursive: true })
    writeFileSync(outside(path), text)
  }
  for (const path of ['edited', 'gone', 'd/e/f', 'kept', 'script']) put(path, path)
  symlinkSync('kept', outside('link'))
  const mirror = newMirror(outside(''), join(sandbox.folder, 'ancestor.json'))
  const report = await mirror.sync(channelScripts(sandbox), 'both', context)
  await mirror.close()
  expect(fills).toBe(1)
  expect(report.conflicts).toEqual([])
  expect(report.toHost).toEqual([])
  for (const at of [outside, inside]) {
    const names = readdirSync(at('')).filter((name) => name !== '.sandbox-mcp')
    expect(names.sort()).toEqual(['edited', 'kept', 'link', 'new', 'script'])
    expect(readFileSync(at('edited'), 'utf8')).toBe('of the host, later')
    expect(readlinkSync(at('link'))).toBe('elsewhere')
    expect(statSync(at('script')).mode & 0o100).toBe(0o100)
  }
  expect(existsSync(inside('d'))).toBe(false)
})
