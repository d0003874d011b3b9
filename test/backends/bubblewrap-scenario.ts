/** What a scenario of the bubblewrap backend has at hand. It runs in a process of its own. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import type { SandboxRecord } from '../../src/backends/bubblewrap/directory.ts'
import { BubblewrapBackend, type BubblewrapSettings } from '../../src/backends/bubblewrap.ts'
import type { Backend, Sandbox, SandboxSpec } from '../../src/sandbox.ts'

export type Scenario = (world: World) => Promise<void>

export const signal = new AbortController().signal
export const name = 'sbx-0123456789abcde'

/** One workspace, one runtime directory, and any number of servers that share them. */
export class World {
  readonly base: string
  readonly workspace: string
  readonly runtimeDir: string
  readonly spec: SandboxSpec
  readonly backend: Backend
  readonly reports: string[] = []

  constructor(base: string) {
    this.base = base
    this.workspace = join(base, 'workspace')
    this.runtimeDir = join(base, 'run')
    const { uid, gid } = statSync(this.workspace)
    this.spec = {
      name,
      installation: 'ours',
      scopeKey: 'scope',
      agent: 'main',
      mounts: [{ host: this.workspace, sandbox: '/workspace', writable: true }],
      owner: { uid, gid },
    }
    this.backend = this.backendWith({})
  }

  backendWith(settings: Partial<BubblewrapSettings>): Backend {
    return new BubblewrapBackend({
      network: 'none',
      // Node need not be installed below /usr.
      extraReadOnly: [process.execPath],
      runtimeDir: this.runtimeDir,
      ...settings,
    })
  }

  open(changes: Partial<SandboxSpec> = {}, backend = this.backend): Promise<Sandbox> {
    const context = { signal, report: (message: string) => void this.reports.push(message) }
    return backend.open({ ...this.spec, ...changes }, context)
  }

  record(): SandboxRecord {
    return JSON.parse(readFileSync(join(this.runtimeDir, name, 'holder.json'), 'utf8'))
  }

  processes() {
    const { processes } = this.record()
    assert(processes)
    return processes
  }

  /** Another server on the same machine: runs a scenario in a process of its own. */
  server(scenario: string) {
    return execa(process.execPath, [process.argv[1] as string, scenario, this.base], {
      stdin: 'ignore',
    })
  }

  /** Nothing of any sandbox is left, in the directory or as a process. */
  assertNothingLeft(): void {
    assert.deepEqual(readdirSync(this.runtimeDir), [])
    assert.deepEqual(processesNaming(this.runtimeDir), [])
  }
}

/** Command lines of running processes that name `path`, but for servers of the tests. */
export function processesNaming(path: string): string[] {
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
      if (line.includes(path) && !line.startsWith(process.execPath)) found.push(line)
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

export async function run(sandbox: Sandbox, script: string, input: string | Buffer = '') {
  const channel = await sandbox.start(script, signal)
  channel.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([
    text(channel.stdout),
    text(channel.stderr),
    channel.exit,
  ])
  return { stdout, stderr, code }
}

/** Runs a script that must succeed; what it printed. */
export async function output(sandbox: Sandbox, script: string): Promise<string> {
  const { stdout, stderr, code } = await run(sandbox, script)
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

/** Looks until it is so; the scenario's own deadline ends it otherwise. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(3)
}

export function ends(pid: number): () => boolean {
  return () => {
    try {
      return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    } catch {
      return true
    }
  }
}
