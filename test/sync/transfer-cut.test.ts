/** What carries files between host and sandbox ends before all have come: what is told of it, and what is left. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SandboxError, sandboxLost } from '../../src/errors.ts'
import type { Sandbox, Traffic } from '../../src/sandbox.ts'
import { channelScripts } from '../../src/scripts/script.ts'
import type { Mirror } from '../../src/sync/mirror.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }

let local: LocalSandbox
let programs: string
/** Its channels that `isCut` names are gone as soon as something has come from them, or has been sent. */
let sandbox: Sandbox
/** What their output breaks off with, where it says anything. */
let reason: Error | undefined
let isCut: (script: string, traffic: Traffic | undefined) => boolean
let host: string
let mirror: Mirror

beforeEach(async () => {
  local = localSandbox()
  programs = join(local.folder, 'programs')
  local = localSandbox({ folder: local.folder, path: `${programs}:/usr/bin:/bin` })
  isCut = () => false
  reason = undefined
  sandbox = {
    name: local.name,
    kind: local.kind,
    root: local.root,
    close: local.close,
    start: async (script, signal, traffic) => {
      const channel = await local.start(script, signal, traffic)
      if (!isCut(script, traffic)) return channel
      channel.stdout.once('data', () => {
        if (reason !== undefined) channel.stdout.destroy(reason)
        channel.close()
      })
      channel.stdin.once('drain', () => channel.close())
      return channel
    },
  }
  host = join(local.folder, 'host')
  for (const path of [host, programs]) mkdirSync(path)
  mirror = newMirror(host, join(local.folder, 'state/ancestor'))
  writeFileSync(join(host, 'a'), 'agreed')
  await sync()
})
afterEach(async () => {
  await mirror.close()
  local.remove()
})

const sync = () => mirror.sync(channelScripts(sandbox), 'both', context)

async function failure(): Promise<SandboxError> {
  const error: unknown = await sync().catch((error: unknown) => error)
  if (error instanceof SandboxError) return error
  throw new Error('it did not fail')
}

test.each(['host', 'sandbox'] as const)(
  'a connection for files alone is told as that, where they come from the %s',
  async (from) => {
    const [one, other] = from === 'host' ? [host, local.root] : [local.root, host]
    const big = randomBytes(8_000_000)
    writeFileSync(join(one, 'big'), big)
    isCut = (_script, traffic) => traffic === 'bulk'
    const { code, message, hint, isInside } = await failure()
    expect(code).toBe('SYNC_INTERRUPTED')
    expect(message).toContain('the connection that carries them was cut')
    expect(hint).toBe('Call again: the sync goes on where it was.')
    // No command puts that right.
    expect(isInside).toBeUndefined()
    expect(readdirSync(host)).toEqual(from === 'host' ? ['a', 'big'] : ['a'])
    isCut = () => false
    expect(await sync()).toMatchObject({ isComplete: true, conflicts: [] })
    expect(readFileSync(join(other, 'big')).equals(big)).toBe(true)
  },
)

test('a connection for files alone is told as that where the stream itself tells of its end', async () => {
  writeFileSync(join(local.root, 'big'), randomBytes(8_000_000))
  isCut = (_script, traffic) => traffic === 'bulk'
  reason = sandboxLost(local.name, 'the connection was cut')
  const { code, message } = await failure()
  expect(code).toBe('SYNC_INTERRUPTED')
  expect(message).toContain('the connection that carries them was cut')
  isCut = () => false
  expect(await sync()).toMatchObject({ isComplete: true, conflicts: [] })
})

test('a connection that carries commands too is told as lost with the sandbox', async () => {
  writeFileSync(join(local.root, 'small'), randomBytes(600_000))
  isCut = (script) => script.includes('xargs -0 tar --no-recursion')
  expect((await failure()).code).toBe('SANDBOX_LOST')
  isCut = () => false
  expect(await sync()).toMatchObject({ isComplete: true, conflicts: [] })
})

test('a program there that sends half of it is told, and not that space is missing', async () => {
  const big = randomBytes(8_000_000)
  writeFileSync(join(local.root, 'big'), big)
  const tar = join(programs, 'tar')
  writeFileSync(tar, '#!/bin/sh\n/usr/bin/tar "$@" | head -c 100000\n')
  chmodSync(tar, 0o755)
  const { code, message, hint, isInside } = await failure()
  expect({ code, isInside }).toEqual({ code: 'SYNC_INTERRUPTED', isInside: true })
  expect(message).toContain('what sends them there ended early')
  expect(hint).not.toContain('free space')
  rmSync(tar)
  expect(await sync()).toMatchObject({ isComplete: true, conflicts: [] })
  expect(readFileSync(join(host, 'big')).equals(big)).toBe(true)
})
