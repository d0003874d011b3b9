/** What scripts on an SSH host leave that were killed in the middle: the next start clears it away. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SshBackend } from '../../src/backends/ssh.ts'
import { seedOnce } from '../../src/sync/seed/seed.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { describeWhere } from '../support/available.ts'
import { context, never, newSpec } from '../support/remote-sandbox.ts'
import { startSshBackend } from '../support/ssh-backend.ts'
import type { SshServer } from '../support/ssh-server.ts'

const soon = { timeout: 60_000, interval: 5 }
const patient = { timeout: 180_000 }

describeWhere('ssh', 'left-overs on an SSH host', () => {
  let server: SshServer
  let backend: SshBackend
  let root: string
  beforeAll(async () => {
    ;({ server, backend, root } = await startSshBackend())
  })
  afterAll(() => server.close())

  test('of whatever sandbox go when no process owns them, and others stay', patient, async () => {
    const ended = spawn('true')
    await once(ended, 'close')
    const token = randomBytes(8).toString('hex')
    const names = {
      ended: `.stage-sbx-aaaaaaaaaaaaaaa-${token}-${ended.pid}.${hostname()}`,
      removed: `.gone-sbx-aaaaaaaaaaaaaaa-${token}-${ended.pid}.${hostname()}`,
      running: `.stage-sbx-aaaaaaaaaaaaaaa-${token}-${process.pid}.${hostname()}`,
      elsewhere: `.stage-sbx-aaaaaaaaaaaaaaa-${token}-${ended.pid}.another-host`,
      foreign: '.stage-of-somebody',
    }
    for (const name of Object.values(names)) {
      mkdirSync(join(root, name, 'inner'), { recursive: true })
      writeFileSync(join(root, name, 'inner/file'), 'x')
    }
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    const { running, elsewhere, foreign } = names
    await expect
      .poll(() => readdirSync(root).sort(), soon)
      .toEqual([running, elsewhere, foreign, spec.name].sort())
    await sandbox.close()
    await backend.remove(spec.name, never)
  })

  test('a seed whose script was killed leaves nothing once there is another', patient, async () => {
    const host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-seed-')))
    writeFileSync(join(host, 'big'), '')
    truncateSync(join(host, 'big'), 300_000_000)
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    const seeding = seedOnce(sandbox, { host, rules: new SyncRules() }, context)
    seeding.catch(() => {})
    const stages = () =>
      readdirSync(join(root, spec.name)).filter((name) => name.startsWith('.seed-'))
    await expect.poll(stages, soon).toHaveLength(1)
    const [, pid] = /-(\d+)\.[^-]*$/.exec(stages()[0]?.replace(`.${hostname()}`, '.h') ?? '') ?? []
    process.kill(Number(pid), 'SIGKILL')
    await expect(seeding).rejects.toThrow()
    expect(stages()).toHaveLength(1)
    rmSync(join(host, 'big'))
    writeFileSync(join(host, 'a'), 'small')
    const { sent } = await seedOnce(sandbox, { host, rules: new SyncRules() }, context)
    expect(sent).toEqual({ files: 1, bytes: 5 })
    expect(stages()).toEqual([])
    await sandbox.close()
    await backend.remove(spec.name, never)
    rmSync(host, { recursive: true })
  })
})
