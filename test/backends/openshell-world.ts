/** The double of OpenShell with what tests of the backend do with it. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { execa } from 'execa'
import { type OpenShellSettings, openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { OpenShellBackend } from '../../src/backends/openshell.ts'
import type { Sandbox, SandboxSpec } from '../../src/sandbox.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import type { Knobs } from '../support/openshell/protocol.ts'

export const never = new AbortController().signal

export interface OpenShellWorld {
  readonly double: OpenShellDouble
  /** What the program of the double needs, and nothing else. */
  readonly environment: NodeJS.ProcessEnv
  /** What backends reported, newest last. */
  readonly reports: string[]
  backend(settings?: Partial<OpenShellSettings>, environment?: NodeJS.ProcessEnv): OpenShellBackend
  /** Opens the sandbox; it is closed with the world. */
  open(backend: OpenShellBackend, spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox>
  /** A program that refuses one word as clap does, and is the double's otherwise. */
  refusing(word: string, refusal: string): string
  /** As a person types it. */
  cli(...args: readonly string[]): Promise<string>
  /** All knobs are as at the start, and no sandbox is left. */
  reset(): Promise<void>
  close(): Promise<void>
}

export async function openShellWorld(knobs: Partial<Knobs> = {}): Promise<OpenShellWorld> {
  const double = await startOpenShellDouble(knobs)
  const environment = { PATH: process.env.PATH, HOME: process.env.HOME, ...double.env }
  const reports: string[] = []
  const opened: Sandbox[] = []
  const cli = async (...args: readonly string[]) => {
    const { stdout } = await execa(double.command, args, { env: environment, stdin: 'ignore' })
    return stdout
  }
  const closeAll = async () => {
    for (const sandbox of opened.splice(0)) await sandbox.close()
  }
  return {
    double,
    environment,
    reports,
    backend: (settings = {}, env = environment) =>
      new OpenShellBackend({ ...openShellDefaults, command: double.command, ...settings }, env),
    async open(backend, spec, signal = never) {
      const report = (message: string) => reports.push(message)
      const sandbox = await backend.open(spec, { signal, report })
      opened.push(sandbox)
      return sandbox
    },
    refusing(word, refusal) {
      const path = join(double.state, `refusing-${randomBytes(4).toString('hex')}`)
      const refuse = `case " $* " in *" ${word} "*) echo "error: ${refusal} found" >&2; exit 2 ;; esac`
      writeFileSync(path, `#!/bin/sh\n${refuse}\nexec ${double.command} "$@"\n`, { mode: 0o755 })
      return path
    },
    cli,
    async reset() {
      await closeAll()
      await double.set({ ...knobsAtStart, ...knobs })
      await cli('sandbox', 'delete', '--all')
      reports.length = 0
    },
    async close() {
      await closeAll()
      await double.close()
    },
  }
}

const knobsAtStart: Partial<Knobs> = {
  provisioningMs: 0,
  deletingMs: 0,
  slowCliMs: 0,
  access: 'open',
  missingImages: [],
  failCreate: '',
  noisyProfile: false,
  refuseConnections: [],
  connectionsPerSandbox: 20,
  readOnlyWorkspace: false,
  oldErrors: false,
  asciiErrors: false,
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** For a sandbox of its own. */
export function newSpec(more: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    name: `sbx-${[...randomBytes(15)].map((byte) => alphabet[byte % 32]).join('')}`,
    installation: 'tests',
    scopeKey: 'agent:main:workspace:0',
    agent: 'main',
    mounts: [{ host: join('/home', 'somebody', 'project'), sandbox: '/sandbox', writable: true }],
    owner: { uid: 1000, gid: 1000 },
    ...more,
  }
}

/** What a script prints in the sandbox. */
export async function printed(sandbox: Sandbox, script: string): Promise<string> {
  const channel = await sandbox.start(script, never)
  channel.stdin.end()
  channel.stderr.resume()
  const [output] = await Promise.all([text(channel.stdout), channel.exit])
  return output
}
