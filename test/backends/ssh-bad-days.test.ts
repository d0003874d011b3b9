/** What is said, and what goes on, when the way to an SSH host breaks. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SshBackend } from '../../src/backends/ssh.ts'
import type { Channel, Sandbox } from '../../src/sandbox.ts'
import { runScript } from '../../src/scripts/script.ts'
import { context, never, newSpec, run } from '../support/remote-sandbox.ts'
import { Ssh2Server, type Ssh2ServerOptions } from '../support/ssh2-server.ts'

let server: Ssh2Server
let backend: SshBackend
const place = () => `127.0.0.1:${server.port}`
const start = async (options?: Ssh2ServerOptions) => {
  server = await Ssh2Server.start(options)
  backend = new SshBackend(server.settings, server.account)
}
beforeEach(() => start())
afterEach(() => server.close())

/** What the user is told. */
const told = async (running: Promise<unknown>) => {
  const error = await running.then(
    () => expect.fail('it succeeded'),
    (reason) => reason,
  )
  return { code: error.code, message: error.message, hint: error.hint }
}

/** A script that runs until it is ended, past its first word. */
const running = async (sandbox: Sandbox): Promise<Channel> => {
  const channel = await sandbox.start('echo up; sleep 300', never)
  channel.stderr.resume()
  await new Promise((resolve) => channel.stdout.once('data', resolve))
  channel.stdout.resume()
  return channel
}

const configure = (...lines: string[]) => {
  mkdirSync(join(server.account.home, '.ssh'), { recursive: true })
  writeFileSync(join(server.account.home, '.ssh/config'), ['Host *', ...lines].join('\n '))
}

/** Has `script` carry the connection: Node, with the host and the port as its arguments. */
const useProxy = (script: string) => {
  const file = join(server.folder, 'proxy.cjs')
  writeFileSync(file, script)
  configure(`ProxyCommand "${process.execPath}" '${file}' %h %p`)
}
const carry = (pidFile: string) =>
  `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))
   const socket = require('net').connect(Number(process.argv[3]), process.argv[2])
   process.stdin.pipe(socket).pipe(process.stdout)
   socket.on('close', () => process.exit())`

test('a host that is not ready for a moment is tried again', async () => {
  server.refusals = 2
  expect(await backend.list('nobody', never)).toEqual([])
  expect(server.connections).toBe(3)
})

test('one that stays away is tried three times, and told', async () => {
  server.refusals = Infinity
  expect(await told(backend.list('nobody', never))).toEqual({
    code: 'BACKEND_UNAVAILABLE',
    message: `the connection to ${place()} failed before authentication: Connection lost before handshake`,
    hint: 'Check that an SSH server listens there, and see its log.',
  })
  expect(server.connections).toBe(3)
})

test('refused authentication is not tried again', async () => {
  server.closed = true
  expect(await told(backend.list('nobody', never))).toEqual({
    code: 'BACKEND_UNAVAILABLE',
    message: `somebody@${place()} refused all authentication; tried: ssh.identityData; the host takes: publickey`,
    hint: 'Add the public key to authorized_keys there, load the private key with ssh-add, or name it in ssh.identityFile.',
  })
  expect(server.connections).toBe(1)
})

test('a port that accepts and says nothing has its time, once', async () => {
  configure('ConnectTimeout 1')
  server.mute = true
  expect(await told(backend.list('nobody', never))).toEqual({
    code: 'BACKEND_UNAVAILABLE',
    message: `${place()} does not answer`,
    hint: 'Check that the host is up and no firewall is in between.',
  })
  expect(server.connections).toBe(1)
})

test('a cut connection loses what runs, and the next script opens another', async () => {
  const sandbox = await backend.open(newSpec(), context)
  const channel = await running(sandbox)
  const before = server.connections
  server.drop()
  await expect(channel.exit).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
  expect(await run(sandbox, 'echo again')).toMatchObject({ output: 'again\n' })
  expect(server.connections).toBe(before + 1)
  await sandbox.close()
})

test('one that is cut in the middle of a transfer loses it, and says so', async () => {
  const sandbox = await backend.open(newSpec(), context)
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(65_536))
    },
  })
  const script = `cat >${sandbox.root}/big`
  const transfer = runScript(sandbox, script, endless, never, 'bulk')
  const grown = `until [ -s ${sandbox.root}/big ]; do sleep 0.05; done`
  await run(sandbox, grown)
  server.drop()
  await expect(transfer).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
  endless.destroy()
  // The other connection may not have noticed yet.
  await expect
    .poll(() => run(sandbox, 'echo again').catch(() => undefined), { timeout: 10_000 })
    .toMatchObject({ output: 'again\n' })
  await sandbox.close()
})

test('a transfer that is stuck holds up no command, and cancelling is quick when all is', async () => {
  const sandbox = await backend.open(newSpec(), context)
  const stuck = await sandbox.start('head -c 100000000 /dev/zero', never, 'bulk')
  stuck.stderr.resume()
  expect(await run(sandbox, 'echo through')).toMatchObject({ output: 'through\n' })
  server.stopReading()
  // More than there are shells that wait for a script.
  const cancel = new AbortController()
  const starts = Array.from({ length: 4 }, () => sandbox.start('true', cancel.signal))
  const settled = Promise.allSettled(starts)
  cancel.abort()
  const reasons = (await settled).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  expect(reasons.length).toBeGreaterThan(0)
  for (const reason of reasons) expect(reason).toMatchObject({ code: 'CANCELLED' })
  await sandbox.close()
})

test('one that is closed while the host says nothing ends for all who wait on it', async () => {
  const sandbox = await backend.open(newSpec(), context)
  const { exit } = await running(sandbox)
  server.stopReading()
  // More than there are shells that wait for a script.
  const starts = Array.from({ length: 4 }, () => run(sandbox, 'true'))
  const settled = Promise.allSettled([exit, ...starts])
  await sandbox.close()
  for (const one of await settled) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'SANDBOX_LOST' } })
  }
}, 30_000)

test('an account that may run no commands is told as such', async () => {
  await server.close()
  await start({ commands: false })
  expect(await told(backend.list('nobody', never))).toEqual({
    code: 'COMMAND_NOT_STARTED',
    message:
      'the command was not started: the host gives a session and runs no command in it: Unable to exec',
    hint: 'Check that the account there may run commands and is not for file transfer only.',
  })
})

test('a start-up file that talks and takes its time is waited for, and leaves no word', async () => {
  await server.close()
  await start({ profile: 'echo welcome; echo warning >&2; sleep 1' })
  const sandbox = await backend.open(newSpec(), context)
  const results = await Promise.all([1, 2, 3].map((at) => run(sandbox, `echo ${at}; echo e >&2`)))
  expect(results).toEqual([1, 2, 3].map((at) => ({ code: 0, output: `${at}\n`, stderr: 'e\n' })))
  await sandbox.close()
})

test('a ProxyCommand carries the connection, and ends with it', async () => {
  const pidFile = join(server.folder, 'pid')
  useProxy(carry(pidFile))
  const sandbox = await backend.open(newSpec(), context)
  expect(await run(sandbox, 'echo through')).toMatchObject({ output: 'through\n' })
  const pid = Number(readFileSync(pidFile, 'utf8'))
  await sandbox.close()
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

test('one that dies loses what runs, and is started again', async () => {
  const pidFile = join(server.folder, 'pid')
  useProxy(carry(pidFile))
  const sandbox = await backend.open(newSpec(), context)
  const channel = await running(sandbox)
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
  await expect(channel.exit).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
  expect(await run(sandbox, 'echo again')).toMatchObject({ output: 'again\n' })
  await sandbox.close()
})

test('one that cannot reach the host is told in its own words', async () => {
  useProxy('console.error("no route to %s", process.argv[2]); process.exitCode = 3')
  expect(await told(backend.list('nobody', never))).toEqual({
    code: 'BACKEND_UNAVAILABLE',
    message: `the ProxyCommand that leads to ${place()} ended with exit code 3: no route to 127.0.0.1`,
    hint: 'Run it in a terminal with its % tokens filled in: it should stay, and show the greeting of an SSH server.',
  })
})

test('one that says nothing has its time, and is ended', async () => {
  const pidFile = join(server.folder, 'pid')
  configure(`ProxyCommand sh -c 'echo $$ >${pidFile}; exec sleep 300'`, 'ConnectTimeout 3')
  expect(await told(backend.list('nobody', never))).toMatchObject({
    message: `${place()} through its ProxyCommand does not answer`,
  })
  const pid = Number(readFileSync(pidFile, 'utf8'))
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
