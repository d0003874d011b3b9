/**
 * Sandboxes on a host that is reached by SSH: a directory each, with a record beside the workspace.
 * The host is the only registry. It confines nothing: commands are the remote user's own.
 */
import { randomBytes } from 'node:crypto'
import {
  backendUnavailable,
  cancelled,
  isSandboxError,
  sandboxStartFailed,
  shown,
} from '../errors.ts'
import type { Backend, Check, OpenContext, Sandbox, SandboxInfo, SandboxSpec } from '../sandbox.ts'
import { runScript, type ScriptResult } from '../scripts/script.ts'
import { connect } from './ssh/connect.ts'
import { decidedDestination } from './ssh/decided-destination.ts'
import { type Account, type Destination, type SshSettings, thisAccount } from './ssh/destination.ts'
import { ConnectionPool } from './ssh/pool.ts'
import { newRecord, parseRecord, recordLine, type SandboxRecord } from './ssh/record.ts'
import { SshSandbox } from './ssh/sandbox.ts'
import {
  answer,
  createScript,
  listScript,
  probeScript,
  recordScript,
  removeScript,
  toolsScript,
} from './ssh/scripts.ts'
import { WaitingShells } from './ssh/waiting-shells.ts'

/** How long a script that looks after a sandbox may take; removing a large tree takes longest. */
const callMs = 30_000
const removeMs = 300_000

export class SshBackend implements Backend {
  readonly kind = 'ssh'
  readonly #settings: SshSettings
  readonly #account: Account
  readonly #root: string

  /** `account` says whose keys and ssh_config are used. */
  constructor(settings: SshSettings, account = thisAccount()) {
    this.#settings = settings
    this.#account = account
    this.#root = settings.workspaceRoot ?? '~/.sandbox-mcp'
  }

  async open(spec: SandboxSpec, { signal, report }: OpenContext): Promise<Sandbox> {
    if (signal.aborted) throw cancelled('opening the sandbox')
    const destination = await this.#destination(signal)
    report(`connecting to ${destination.host}`)
    const pool = this.#pool(destination, spec.name)
    const agent = spec.mounts.length > 1
    const { name } = spec
    const wanted = { name, directories: agent ? ['workspace', 'agent'] : ['workspace'] }
    const keepers = new WaitingShells(pool)
    const shells = new WaitingShells(pool, { sandbox: name })
    // What is needed in any case, and what a new sandbox takes, come with the connection.
    keepers.prepare(1)
    shells.prepare()
    try {
      const keeper = new SshSandbox(name, '/', keepers)
      let found = await this.#call(keeper, probeScript(this.#root, name), undefined, signal)
      if (found.code === answer.absent) {
        report(`making the workspace on ${destination.host}`)
        if (signal.aborted) throw cancelled('opening the sandbox')
        const script = createScript(this.#root, wanted, token())
        const record = newRecord(spec, this.#settings.target)
        // Once it is on its way it is carried out: half of it is never seen, and all of it is adopted.
        found = await this.#call(keeper, script, recordLine(record), new AbortController().signal)
      }
      const [directory = '', line = ''] = this.#answered(found, name).split('\n')
      const record = this.#ownRecord(line, directory, spec)
      if (record.target !== this.#settings.target) await this.#adopt(keeper, directory, record)
      keepers.dismiss()
      return new SshSandbox(name, `${directory}/workspace`, shells, {
        ownDirectory: directory,
        ...(agent ? { agentRoot: `${directory}/agent` } : {}),
      })
    } catch (error) {
      pool.close()
      throw error
    }
  }

  async list(
    installation: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly SandboxInfo[]> {
    const result = await this.#visit('', listScript(this.#root), signal)
    return this.#answered(result, '')
      .split('\n')
      .flatMap((line) => parseRecord(line) ?? [])
      .filter((record) => (installation ?? record.installation) === record.installation)
      .filter((record) => record.target === this.#settings.target)
      .map(({ target: _, ...info }) => ({
        kind: this.kind,
        state: 'running',
        ...info,
      }))
  }

  /** The name says whose it is: no two installations make the same one. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    const script = removeScript(this.#root, name, this.#settings.target, token())
    const result = await this.#visit(name, script, signal, removeMs)
    if (result.code === answer.elsewhere) throw this.#madeElsewhere(name, result.stdout.toString())
    this.#answered(result, name)
  }

  get checks(): readonly Check[] {
    return [
      {
        name: `host ${this.#settings.target}`,
        run: async (signal) => {
          try {
            const { stdout } = await this.#visit('', toolsScript, signal)
            const missing = stdout.toString().trim().split('\n').join(', ')
            if (missing === '') return { ok: true, detail: (await this.#destination(signal)).host }
            return { ok: false, detail: `it lacks ${missing}`, fix: `Install ${missing} there.` }
          } catch (error) {
            if (!isSandboxError(error)) throw error
            return { ok: false, detail: error.message, fix: error.hint }
          }
        },
      },
    ]
  }

  #destination(signal: AbortSignal): Promise<Destination> {
    return decidedDestination(this.#settings, this.#account, signal)
  }

  #pool(destination: Destination, name: string): ConnectionPool {
    return new ConnectionPool(name, (signal) => connect(destination, name, signal))
  }

  /** One script on a connection of its own. */
  async #visit(
    name: string,
    script: string,
    signal: AbortSignal,
    withinMs = callMs,
  ): Promise<ScriptResult> {
    const pool = this.#pool(await this.#destination(signal), name || this.#settings.target)
    const keeper = new SshSandbox(name, '/', new WaitingShells(pool))
    try {
      return await this.#call(keeper, script, undefined, signal, withinMs)
    } finally {
      await keeper.close()
    }
  }

  async #call(
    keeper: Sandbox,
    script: string,
    stdin: string | undefined,
    signal: AbortSignal,
    withinMs = callMs,
  ): Promise<ScriptResult> {
    const deadline = AbortSignal.timeout(withinMs)
    try {
      const bytes = stdin === undefined ? undefined : Buffer.from(stdin)
      return await runScript(keeper, script, bytes, AbortSignal.any([signal, deadline]))
    } catch (error) {
      if (deadline.aborted && !signal.aborted) {
        throw callFailed(this.#settings.target, `no answer within ${withinMs / 1000} s`)
      }
      throw error
    }
  }

  /** What the script printed, unless its exit code says that it could not do what was asked. */
  #answered({ code, stdout, stderr }: ScriptResult, name: string): string {
    const place = `${shown(name === '' ? this.#root : `${this.#root}/${name}`)} on ${this.#settings.target}`
    if (code === 0) return stdout.toString()
    if (code === answer.foreign) {
      throw sandboxStartFailed(
        `${place} exists and is not a sandbox of this server`,
        'Move it away, or choose another ssh.workspaceRoot.',
      )
    }
    // An account that may not run commands says so on stdout, in place of a script's answer.
    const words = stderr.trim() || stdout.toString().trim().slice(-500) || `exit code ${code}`
    if (code === answer.lacking) {
      const missing = words.replaceAll(' ', ', ')
      throw sandboxStartFailed(
        `${this.#settings.target} lacks ${missing}, without which there can be no sandbox`,
        `Install ${missing} there, or have a PATH set there that they are in.`,
      )
    }
    if (code === answer.noRoot || code === answer.unwritable) {
      throw sandboxStartFailed(
        `${place} cannot be used: ${words}`,
        'Check its permissions and the free space there, or choose another ssh.workspaceRoot.',
      )
    }
    throw callFailed(this.#settings.target, words)
  }

  #ownRecord(line: string, directory: string, spec: SandboxSpec): SandboxRecord {
    const record = parseRecord(line)
    if (record?.name === spec.name && record.installation === spec.installation) return record
    const owner =
      record === undefined ? 'has a record that cannot be read' : 'belongs to another installation'
    throw sandboxStartFailed(
      `${shown(directory)} on ${this.#settings.target} ${owner}${record ? ` (${record.installation})` : ''}`,
      'Choose another ssh.workspaceRoot or --session, or move that directory away.',
    )
  }

  /** From now on this target is the one that it is listed at and removed from. */
  async #adopt(keeper: Sandbox, directory: string, record: SandboxRecord): Promise<void> {
    const line = recordLine({ ...record, target: this.#settings.target })
    const script = recordScript(directory, token())
    const result = await this.#call(keeper, script, line, new AbortController().signal)
    this.#answered(result, record.name)
  }

  #madeElsewhere(name: string, line: string): Error {
    const { target } = this.#settings
    const other = parseRecord(line)?.target ?? 'another one'
    return sandboxStartFailed(
      `the sandbox ${name} on ${target} was made through the target ${shown(other)}; it was not removed`,
      `Set ssh.target to ${shown(other)} to remove it there, or use it once through ${target} to take it over.`,
    )
  }
}

const token = () => randomBytes(8).toString('hex')

const callFailed = (target: string, reason: string) =>
  backendUnavailable(
    `${target} was reached by SSH, and a script there failed: ${reason}`,
    'Check that the account there may run commands, has env and a POSIX sh, and has no start-up files that read stdin or become another shell without a terminal, then call again.',
  )
