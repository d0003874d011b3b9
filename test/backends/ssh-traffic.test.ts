/** Which connections the scripts of an ssh sandbox share, on a real sshd: one process of it serves each. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../src/backends/ssh/connection.ts'
import { resolveDestination } from '../../src/backends/ssh/destination.ts'
import { ConnectionPool } from '../../src/backends/ssh/pool.ts'
import { SshBackend } from '../../src/backends/ssh.ts'
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

  test('one that carries nothing for a while is closed, and opened again when it is needed', async () => {
    const destination = resolveDestination(server.settings, server.account)
    const ends: Promise<void>[] = []
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
