/** What is done while the sandbox puts a seed in place keeps nothing of it from being sent. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { Channel } from '../../src/sandbox.ts'
import { seedOnce } from '../../src/sync/seed/seed.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { localSandbox } from '../support/local-sandbox.ts'

test.each([
  ['what packs', (bytes: number) => Buffer.alloc(bytes, 'text ')],
  ['what does not', (bytes: number) => randomBytes(bytes)],
])('all has been given to the connection by then: %s', async (_, contentOf) => {
  const host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-sent-')))
  for (let i = 0; i < 40; i++) {
    mkdirSync(join(host, `d${i}`))
    writeFileSync(join(host, `d${i}/f`), contentOf(100_000))
  }
  let given = 0
  const counted = (channel: Channel): Channel => {
    channel.stdin.once('pipe', (source: Readable) => {
      source.on('data', (piece: Buffer) => {
        given += piece.length
      })
    })
    return channel
  }
  const sandbox = localSandbox({ through: counted })
  let givenThen: number | undefined
  const onSent = () => {
    givenThen = given
  }
  try {
    const context = { signal: new AbortController().signal, report: () => {} }
    const seeded = await seedOnce(sandbox, { host, rules: new SyncRules(), onSent }, context)
    expect(seeded.sent?.files).toBe(40)
    expect(given).toBeGreaterThan(0)
    expect(givenThen).toBe(given)
  } finally {
    sandbox.remove()
    rmSync(host, { recursive: true })
  }
})
