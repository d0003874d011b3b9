/** A directory of this machine as a sandbox without walls: scripts run in a shell of one's choice. */
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandboxLost } from '../../src/errors.ts'
import type { Channel, Sandbox } from '../../src/sandbox.ts'

export interface LocalSandbox extends Sandbox {
  /** Host and sandbox are in it. */
  readonly folder: string
  /** How many scripts were started. */
  readonly started: number
  /** How many of them as bulk. */
  readonly transfers: number
  /** How many of them have not ended. */
  readonly running: number
  /** Resolves when every script that was started has ended. */
  quiet(): Promise<void>
  remove(): void
}

interface Place {
  readonly shell: string
  readonly path: string
}

/** The shells and tools that scripts must work with. */
export function shells(): Record<string, Place> {
  const found: Record<string, Place> = {}
  for (const shell of ['/bin/dash', '/bin/bash']) {
    if (existsSync(shell)) found[shell] = { shell, path: '/usr/bin:/bin' }
  }
  const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path))
  if (busybox !== undefined) {
    const applets = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-applets-')))
    process.once('exit', () => rmSync(applets, { recursive: true, force: true }))
    execFileSync(busybox, ['--install', '-s', applets])
    found.BusyBox = { shell: join(applets, 'sh'), path: applets }
  }
  return found
}

/** Seconds after which `read` gives up, where `TMOUT` says so: bash takes it for what reads a pipe too. */
export const readSeconds = '0.1'

/** Places with such a limit, by where it comes from. The sh of each is bash, which alone has it. */
export function hastyShells(): Record<string, Place & { env: Record<string, string> }> {
  if (!existsSync('/bin/bash')) return {}
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-hasty-')))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const shell = join(folder, 'sh')
  symlinkSync('/bin/bash', shell)
  for (const tool of ['setsid', 'grep', 'dd', 'cat', 'tr', 'sleep']) {
    symlinkSync(`/usr/bin/${tool}`, join(folder, tool))
  }
  // As sshd and BASH_ENV have a bash read it that is not called sh.
  const startFile = join(folder, 'start')
  writeFileSync(startFile, `TMOUT=${readSeconds}; readonly TMOUT\n`)
  const path = `${folder}:/usr/bin:/bin`
  return {
    'the environment': { shell, path, env: { TMOUT: readSeconds } },
    'the environment, without another bash': { shell, path: folder, env: { TMOUT: readSeconds } },
    'a start-up file, for good': { shell, path, env: { BASH_ENV: startFile } },
  }
}

export interface LocalOptions {
  readonly shell?: string
  readonly path?: string
  /** Of its scripts, beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>
  /** Of an earlier one, whose root is `box/workspace` in it. */
  readonly folder?: string
  /** What a script waits for before it starts, as one does for an engine that is busy. */
  readonly until?: () => Promise<void>
  /** Keeps what belongs to the sandbox beside the root. */
  readonly beside?: boolean
  /** What comes between a script and who started it. */
  readonly through?: (channel: Channel) => Channel
}

/** Of the process that runs the tests: those of other files and of other runs that go on are not to meet it in /tmp. */
const runs = 'SANDBOX_MCP_TEST_PROCESS'
// What a test starts has its environment, and its name.
const owner = process.env[runs] ?? `${process.pid}`
process.env[runs] = owner
const letters = owner.replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')
const name = `sbx-local${letters.padEnd(10, 'z')}`
/** Of what syncs have kept in it. */
const listings = `/tmp/.sandbox-mcp-sync/${name}-workspace`

export function localSandbox(options: LocalOptions = {}): LocalSandbox {
  const { shell = '/bin/sh', path = '/usr/bin:/bin', beside = false } = options
  const folder = options.folder ?? realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-local-')))
  const root = join(folder, 'box', 'workspace')
  mkdirSync(root, { recursive: true })
  let [started, transfers, ended] = [0, 0, 0]
  const ends: Promise<number>[] = []
  const sandbox: LocalSandbox = {
    name,
    kind: 'ssh',
    root,
    ...(beside ? { ownDirectory: join(folder, 'box') } : {}),
    folder,
    get started() {
      return started
    },
    get transfers() {
      return transfers
    },
    get running() {
      return started - ended
    },
    quiet: async () => {
      await Promise.allSettled(ends)
    },
    start: async (script, _signal, traffic) => {
      await options.until?.()
      started += 1
      if (traffic === 'bulk') transfers += 1
      const direct = localChannel(shell, { ...options.env, PATH: path, HOME: '/' }, script)
      const channel = options.through?.(direct) ?? direct
      ends.push(channel.exit)
      const end = () => {
        ended += 1
      }
      channel.exit.then(end, end)
      return channel
    },
    close: async () => {},
    remove: () => {
      for (const path of [folder, listings]) rmSync(path, { recursive: true, force: true })
    },
  }
  return sandbox
}

function localChannel(shell: string, env: Record<string, string>, script: string): Channel {
  const child = spawn(shell, ['-c', script], { cwd: '/', env, detached: true })
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // it has ended already
    }
  }
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(sandboxLost('local', error.message)))
    child.once('close', (code, signal) => {
      // As a connection that is cut tells it.
      if (signal === 'SIGKILL') reject(sandboxLost('local', 'it was cut off'))
      else resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL'])
    })
  })
  exit.catch(() => {})
  child.stdin.on('error', () => {})
  const { stdin, stdout, stderr } = child
  return { stdin, stdout, stderr, exit, close: end }
}
