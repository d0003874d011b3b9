/** What every command of the program needs: its arguments, its environment, the gateway, and the knobs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Knobs } from '../protocol.ts'
import { type Gateway, resolveGateway } from './gateways.ts'
import type { Parsed } from './parse.ts'
import { Rpc } from './rpc.ts'

export class Context {
  readonly parsed: Parsed
  readonly knobs: Knobs
  readonly env = process.env
  /** Absolute path of the launcher, which real proxy commands name too. */
  readonly executable: string

  constructor(parsed: Parsed, knobs: Knobs, executable: string) {
    this.parsed = parsed
    this.knobs = knobs
    this.executable = executable
  }

  text(name: string): string | undefined {
    const value = this.parsed.values.get(name)
    return value === true ? undefined : value
  }

  flag(name: string): boolean {
    return this.parsed.values.has(name)
  }

  list(name: string): readonly string[] {
    return this.parsed.lists.get(name) ?? []
  }

  get output(): string {
    return this.text('output') ?? 'table'
  }

  /** The control-plane workspace; versions that know none have one. */
  get workspace(): string {
    return this.text('workspace') ?? 'default'
  }

  /** Throws `Failure` when no gateway is meant or it is not known. */
  get gateway(): Gateway {
    return resolveGateway(this.env, this.text('gateway'), this.text('gateway-endpoint'))
  }

  rpc(gateway = this.gateway): Rpc {
    return new Rpc(gateway, this.knobs)
  }
}

export function readKnobs(state: string): Knobs {
  return JSON.parse(readFileSync(join(state, 'knobs.json'), 'utf8'))
}

/** `YYYY-MM-DD HH:MM:SS` in UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

export const say = (line: string) => process.stdout.write(`${line}\n`)
export const note = (line: string) => process.stderr.write(`${line}\n`)
