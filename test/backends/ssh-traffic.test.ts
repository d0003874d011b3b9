/** Which connections the scripts of an ssh sandbox share, on a real sshd: one process of it serves each. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../src/backends/ssh/connect.ts'
import { resolveDestination } from '../../src/backends/ssh/destination.ts'
import { ConnectionPool } from '../../src/backends/ssh/pool.ts'
import { SshBackend } from '../../src/backends/ssh.ts'
import { seedOnce } from '../../src/sync/seed/seed.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { describeWhere } from '../support/available.ts'
import { context, never, newSpec, run } from '../support/remote-sandbox.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

describeWhere('ssh', 'the connections of an ssh sandbox', () => {
  let server: SshServer
  beforeAll(async () => {
    server = await startSshServer()
  })
  afterAll(() => server.close())

  test('transfers share one of their own, and commands another', async () => {
    const sandbox = await new SshBackend(server.settings, server.account).open(newSpec(), context)
    const pids = async (traffic: 'command' | 'bulk') => {
      const both = [run(sandbox, 'echo $PPID', traffic), run(sandbox, 'echo $PPID', traffic)]
      return (await Promise.all(both)).map(({ output }) => output.trim())
    }
    const commands = await pids('command')
    const transfers = await pids('bulk')
    expect(new Set(commands).size).toBe(1)
    expect(new Set(transfers).size).toBe(1)
    expect(transfers[0]).not.toBe(commands[0])
    expect(await pids('command')).toEqual(commands)
    await sandbox.close()
  })

  test('opening one, filling it and its first command take a single one', async () => {
    let connections = 0
    const counter = createServer((client) => {
      connections += 1
      const host = createConnection(server.port, '127.0.0.1')
      client.pipe(host).pipe(client)
      for (const one of [client, host]) one.on('error', () => {})
    })
    await new Promise<void>((resolve) => counter.listen(0, '127.0.0.1', resolve))
    const { port } = counter.address() as AddressInfo
    const folder = mkdtempSync(join(tmpdir(), 'sbx-traffic-'))
    writeFileSync(join(folder, 'file'), 'content')
    const { target, knownHostsFile = '' } = server.settings
    const known = join(folder, 'known_hosts')
    writeFileSync(
      known,
      readFileSync(knownHostsFile, 'utf8').replaceAll(`${server.port}`, `${port}`),
    )
    const there = { target: target.replace(`${server.port}`, `${port}`), knownHostsFile: known }
    const backend = new SshBackend({ ...server.settings, ...there }, server.account)
    const sandbox = await backend.open(newSpec(), context)
    try {
      await seedOnce(sandbox, { host: folder, rules: new SyncRules() }, context)
      const { output } = await run(sandbox, `cat '${sandbox.root}/file'`)
      expect(output).toBe('content')
      expect(connections).toBe(1)
    } finally {
      await sandbox.close()
      counter.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('one that carries nothing for a while is closed, and opened again when it is needed', async () => {
    const destination = resolveDestination(server.settings, server.account)
    const ends: Promise<Error | undefined>[] = []
    const open = async (signal: AbortSignal) => {
      const connection = await connect(destination, 'sbx', signal)
      ends.push(connection.closed)
      return connection
    }
    const pool = new ConnectionPool('sbx', open, {
      channelsEach: 2,
      connections: 1,
      backoffMs: [],
      idleMs: 1,
    })
    const use = async () => {
      const channel = await pool.exec('printf @; printf @ >&2; exit 7', '@', never)
      channel.stdout.resume()
      channel.stderr.resume()
      return channel.exit
    }
    expect(await use()).toBe(7)
    await ends[0]
    expect(await use()).toBe(7)
    await ends[1]
    expect(ends).toHaveLength(2)
    pool.close()
  })
})
