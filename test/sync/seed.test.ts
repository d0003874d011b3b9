/** Seeding the workspace of a remote sandbox, on a real sshd. */
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { SshBackend } from '../../src/backends/ssh.ts'
import type { Sandbox } from '../../src/sandbox.ts'
import { seedOnce } from '../../src/sync/seed/seed.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { describeWhere } from '../support/available.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

const never = new AbortController().signal
const context = { signal: never, report: () => {} }
const rules = new SyncRules()

describeWhere('ssh', 'seeding', () => {
  let server: SshServer
  let backend: SshBackend
  let host: string
  let sandbox: Sandbox
  beforeAll(async () => {
    server = await startSshServer()
    backend = new SshBackend(server.settings, server.account)
  })
  afterAll(() => server.close())
  beforeEach(async () => {
    host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-seed-')))
    sandbox = await open(`sbx-${randomBytes(8).toString('hex').slice(0, 15)}`)
  })
  afterEach(async () => {
    await backend.remove(sandbox.name, never)
    await sandbox.close()
    rmSync(host, { recursive: true })
  })

  const open = (name: string) =>
    backend.open(
      {
        name,
        installation: 'seed',
        scopeKey: 'seed',
        agent: 'main',
        mounts: [{ host, sandbox: '/workspace', writable: true }],
        owner: { uid: 0, gid: 0 },
      },
      context,
    )
  const beside = () => readdirSync(join(sandbox.root, '..')).sort()

  test('everything arrives as it was, and .git and hooks stay at home', async () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(200)}`
    const odd = 'odd \'n" $x\n\u00e9\u{1f600}'
    mkdirSync(join(host, 'd'.repeat(90)))
    mkdirSync(join(host, 'empty'))
    mkdirSync(join(host, 'closed'), { mode: 0o555 })
    for (const left of ['.git', 'hooks', 'kept']) {
      mkdirSync(join(host, left))
      writeFileSync(join(host, left, 'x'), left)
    }
    const big = randomBytes(3_000_001)
    writeFileSync(join(host, 'big'), big)
    writeFileSync(join(host, long), 'long')
    writeFileSync(join(host, odd), 'odd')
    writeFileSync(join(host, 'run'), '#!/bin/sh\n', { mode: 0o750 })
    chmodSync(join(host, 'run'), 0o750)
    utimesSync(join(host, 'run'), 1_000_000, 1_000_000)
    symlinkSync('/away/from/here', join(host, 'link'))
    symlinkSync('t'.repeat(300), join(host, 'long-link'))
    const told: string[] = []
    const seeded = await seedOnce(
      sandbox,
      { host, rules },
      { signal: never, report: (message) => told.push(message) },
    )
    expect(seeded).toMatchObject({ sent: { files: 5 }, problems: [] })
    expect(told[0]).toBe('seeding the workspace: 0 of 5 files, 0.0 of 2.9 MiB')
    const at = (path: string) => join(sandbox.root, path)
    expect(readdirSync(sandbox.root).sort()).toEqual(
      readdirSync(host)
        .filter((name) => name !== '.git' && name !== 'hooks')
        .sort(),
    )
    expect(readFileSync(at('big')).equals(big)).toBe(true)
    expect(readFileSync(at(long), 'utf8')).toBe('long')
    expect(readFileSync(at(odd), 'utf8')).toBe('odd')
    expect(readlinkSync(at('link'))).toBe('/away/from/here')
    expect(readlinkSync(at('long-link'))).toBe('t'.repeat(300))
    expect(lstatSync(at('empty')).isDirectory()).toBe(true)
    expect(statSync(at('run')).mode & 0o777).toBe(0o750)
    expect(statSync(at('run')).mtimeMs).toBe(1_000_000_000)
    expect(beside()).toEqual(['record', 'seeded', 'workspace'])
  })

  test('it is done once, also when all of it was deleted since', async () => {
    writeFileSync(join(host, 'a'), '1')
    const first = await seedOnce(sandbox, { host, rules }, context)
    rmSync(join(sandbox.root, 'a'))
    const again = await seedOnce(sandbox, { host, rules }, context)
    expect(again).toEqual({ ...first, sent: undefined })
    expect(readdirSync(sandbox.root)).toEqual([])
  })

  test('a sandbox that is made anew is seeded anew', async () => {
    writeFileSync(join(host, 'a'), '1')
    const first = await seedOnce(sandbox, { host, rules }, context)
    await backend.remove(sandbox.name, never)
    await sandbox.close()
    sandbox = await open(sandbox.name)
    const second = await seedOnce(sandbox, { host, rules }, context)
    expect(second.generation).not.toBe(first.generation)
    expect(readdirSync(sandbox.root)).toEqual(['a'])
  })

  test('seeds that race end up as one', async () => {
    for (let i = 0; i < 50; i++) writeFileSync(join(host, `f${i}`), String(i))
    const other = await open(sandbox.name)
    const seeds = await Promise.all(
      [sandbox, other, sandbox].map((one) => seedOnce(one, { host, rules }, context)),
    )
    expect(seeds.filter(({ sent }) => sent !== undefined)).toHaveLength(1)
    expect(readdirSync(sandbox.root)).toHaveLength(50)
    expect(beside()).toEqual(['record', 'seeded', 'workspace'])
    await other.close()
  })

  test('one that is cancelled half way leaves an empty workspace, and the next is whole', async () => {
    writeBig()
    const stop = new AbortController()
    const seeding = seedOnce(
      sandbox,
      { host, rules },
      { signal: stop.signal, report: (text) => !text.includes(' 0.0 of') && stop.abort() },
    )
    const cut = expect.poll(() => beside().some((name) => name.startsWith('.seed-'))).toBe(true)
    await cut
    stop.abort()
    await expect(seeding).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(readdirSync(sandbox.root)).toEqual([])
    await expect.poll(beside).toEqual(['record', 'workspace'])
    const { sent } = await seedOnce(sandbox, { host, rules }, context)
    expect(sent).toEqual({ files: 1, bytes: 100_000_000 })
  })

  test('a connection that is cut half way leaves an empty workspace', async () => {
    writeBig()
    const seeding = seedOnce(sandbox, { host, rules }, context)
    seeding.catch(() => {})
    await expect.poll(() => beside().some((name) => name.startsWith('.seed-'))).toBe(true)
    await sandbox.close()
    await expect(seeding).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
    await expect.poll(beside).toEqual(['record', 'workspace'])
    expect(readdirSync(sandbox.root)).toEqual([])
  })

  test('what cannot be sent is named, and the rest arrives', async () => {
    writeFileSync(join(host, 'fine'), '1')
    await execa('mkfifo', [join(host, 'pipe')])
    const bytes = Buffer.concat([Buffer.from(`${host}/`), Buffer.from([0x62, 0xff])])
    writeFileSync(bytes, 'x')
    const { problems } = await seedOnce(sandbox, { host, rules }, context)
    expect(problems.map(({ reason }) => reason).sort()).toEqual([
      'it is neither a file, a directory nor a link',
      'its name or its target is not UTF-8',
    ])
    expect(readdirSync(sandbox.root)).toEqual(['fine'])
    rmSync(bytes)
  })

  /** It takes its time, because it does not pack. */
  function writeBig(): void {
    const block = randomBytes(1_000_000)
    for (let i = 0; i < 100; i++) appendFileSync(join(host, 'big'), block)
  }
})
