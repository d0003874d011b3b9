/**
 * A test double of NVIDIA OpenShell: a program `openshell` with the real one's grammar, words and exit
 * codes, a gateway behind it, and sandboxes with an SSH server that behaves as the real one does.
 * Needs Linux, root and bubblewrap (`whyNoOpenShellDouble`).
 */
import { fork } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { register, setActiveGateway } from './cli/gateways.ts'
import type { Order } from './gateway/orders.ts'
import { bundlePrograms } from './programs.ts'
import { defaultKnobs, type Knobs } from './protocol.ts'

export interface OpenShellDouble {
  /** Path of the program. */
  readonly command: string
  /** What must be in the environment of the program: where it finds the gateway it has registered. */
  readonly env: Readonly<Record<string, string>>
  /** The gateway's URL, and the name it is registered by; it is the active one. */
  readonly endpoint: string
  readonly gateway: string
  /** Directory with all that the double keeps. */
  readonly state: string
  /** Where the files of `/sandbox` are on this machine, of the sandbox that was made last. */
  newestWorkspace(): string
  /** Changes knobs; in force when it resolves. */
  set(knobs: Partial<Knobs>): Promise<void>
  /** The gateway's port refuses connections, and cuts those there are, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  /** As after a restart of the gateway: no connection is left, sandboxes are Provisioning for `downMs`. */
  restart(downMs: number): Promise<void>
  /** Cuts every SSH connection; resolves with how many there were. */
  dropConnections(): Promise<number>
  /** Kills the `ssh-proxy` of the oldest connection; resolves with its pid. */
  killProxy(): Promise<number | undefined>
  /** Puts a sandbox into Error with `reason: message`, as when its main process ends. */
  fail(name: string, condition: string): Promise<void>
  /** Removes what runs behind a record, which stays. */
  lose(name: string): Promise<void>
  /** How many SSH connections each sandbox has. */
  connections(): Promise<Readonly<Record<string, number>>>
  /** The argument lists of all calls of the program so far. */
  invocations(): readonly (readonly string[])[]
  /** Ends the gateway and all sandboxes with all that runs in them, and removes the state. */
  close(): Promise<void>
}

export async function startOpenShellDouble(knobs: Partial<Knobs> = {}): Promise<OpenShellDouble> {
  const state = realpathSync(mkdtempSync(join(tmpdir(), 'openshell-double-')))
  const programs = await bundlePrograms(join(state, 'programs'))
  const child = fork(programs.gateway, [state, programs.supervisor], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  let orders = 0
  child.on('message', (answer: { id: number; result: never; error?: string }) => {
    const waiter = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) waiter?.resolve(answer.result)
    else waiter?.reject(new Error(answer.error))
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the gateway ended'))
  })
  const order = <T>(what: Order): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (!child.connected) return reject(new Error('the gateway ended'))
      orders += 1
      waiting.set(orders, { resolve, reject })
      child.send({ id: orders, order: what })
    })

  await order({ do: 'set', knobs: { ...defaultKnobs, ...knobs } })
  const port = await order<number>({ do: 'up' })
  const endpoint = `http://127.0.0.1:${port}`
  const env = { XDG_CONFIG_HOME: join(state, 'config') }
  register(env, {
    name: 'double',
    gateway_endpoint: endpoint,
    is_remote: false,
    gateway_port: port,
    auth_mode: 'plaintext',
    remote_host: null,
  })
  setActiveGateway(env, 'double')
  const log = join(state, 'invocations.jsonl')
  writeFileSync(log, '')
  const command = join(state, 'openshell')
  const launcher = [
    '#!/bin/sh',
    `OPENSHELL_DOUBLE_STATE='${state}' OPENSHELL_DOUBLE_EXECUTABLE='${command}'`,
    'export OPENSHELL_DOUBLE_STATE OPENSHELL_DOUBLE_EXECUTABLE',
    `exec '${process.execPath}' --no-warnings '${programs.cli}' "$@"`,
  ]
  writeFileSync(command, `${launcher.join('\n')}\n`)
  chmodSync(command, 0o755)

  return {
    command,
    env,
    endpoint,
    gateway: 'double',
    state,
    newestWorkspace: () => {
      const sandboxes = join(state, 'sandboxes')
      // Each new sandbox has the next number.
      const newest = Math.max(...readdirSync(sandboxes).map(Number))
      return join(sandboxes, String(newest), 'workspace')
    },
    set: (changes) => order({ do: 'set', knobs: changes }),
    down: () => order({ do: 'down' }),
    up: () => order({ do: 'up' }),
    restart: (downMs) => order({ do: 'restart', downMs }),
    dropConnections: () => order({ do: 'drop' }),
    killProxy: () => order({ do: 'killProxy' }),
    fail: (name, condition) => order({ do: 'fail', name, condition }),
    lose: (name) => order({ do: 'lose', name }),
    connections: () => order({ do: 'connections' }),
    invocations: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    async close() {
      if (child.connected) await order({ do: 'close' })
      if (child.connected) child.disconnect()
      await ended
      rmSync(state, { recursive: true, force: true })
    },
  }
}
