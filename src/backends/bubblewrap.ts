/**
 * Sandboxes of bubblewrap: namespaces of an ordinary process, with no daemon and no image. What is
 * inside is the host's own /usr, read-only, and the mounts of the spec.
 *
 * Commands have the workspace owner's numbers when the server is root, and the server's own when it
 * is not. Memory, CPU and disk use are not limited, because that takes control groups, which an
 * ordinary user cannot make; only what is written to the sandbox's own file systems is.
 */
import { lstat, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { argumentInvalid, cancelled, isSandboxError, sandboxStartFailed, shown } from '../errors.ts'
import { isAlive } from '../process-identity.ts'
import type { Backend, OpenContext, Sandbox, SandboxInfo, SandboxSpec } from '../sandbox.ts'
import type { BubblewrapSettings, HostFacts } from './bubblewrap/arguments.ts'
import { bubblewrapChecks } from './bubblewrap/checks.ts'
import {
  claimDirectory,
  lockFile,
  readRecord,
  runtimeDirectory,
  type SandboxRecord,
  takeLock,
} from './bubblewrap/directory.ts'
import { createHolder, destroyHolder } from './bubblewrap/holder.ts'
import { readFacts } from './bubblewrap/host.ts'
import { makePlan, type Plan } from './bubblewrap/plan.ts'
import { BubblewrapSandbox, countConnections } from './bubblewrap/sandbox.ts'
import { protocol } from './bubblewrap/scripts.ts'
import { verifyMount } from './mount-check.ts'
import { isSandboxName } from './sandbox-name.ts'
import { keptStale } from './stale.ts'

export type { BubblewrapSettings } from './bubblewrap/arguments.ts'

export class BubblewrapBackend implements Backend {
  readonly kind = 'bubblewrap'
  readonly checks
  readonly #settings: BubblewrapSettings
  readonly #command: string
  #facts: Promise<HostFacts> | undefined

  constructor(settings: BubblewrapSettings) {
    this.#settings = settings
    this.#command = settings.command ?? 'bwrap'
    this.checks = bubblewrapChecks(this.#command)
  }

  async open(spec: SandboxSpec, context: OpenContext): Promise<Sandbox> {
    const { signal } = context
    requireName(spec.name)
    if (signal.aborted) throw cancelled('opening the sandbox')
    const directory = await runtimeDirectory(this.#settings.runtimeDir)
    await claimDirectory(directory)
    const plan = await this.#plan(spec, directory)

    const found = await this.#adopt(plan, directory, context)
    if (found !== undefined) return found
    const lock = await takeLock(directory, spec.name, signal)
    try {
      const made = await this.#adopt(plan, directory, context)
      if (made !== undefined) return made
      await destroyHolder(directory, spec.name, await readRecord(directory, spec.name))
      return await this.#create(plan, directory, signal)
    } finally {
      lock.release()
    }
  }

  async list(installation: string | undefined): Promise<readonly SandboxInfo[]> {
    const directory = await runtimeDirectory(this.#settings.runtimeDir)
    const names = await readdir(directory).catch(() => [])
    const records = await Promise.all(
      names.filter(isSandboxName).map((name) => readRecord(directory, name)),
    )
    const found = records.filter((record) => record !== undefined)
    const ours = found.filter(
      (record) => (installation ?? record.installation) === record.installation,
    )
    return Promise.all(ours.map((record) => describe(record)))
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    requireName(name)
    const directory = await runtimeDirectory(this.#settings.runtimeDir)
    const remains = [join(directory, name), lockFile(directory, name)]
    const found = await Promise.all(remains.map((path) => lstat(path).catch(() => undefined)))
    if (found.every((path) => path === undefined)) return
    await claimDirectory(directory)
    const lock = await takeLock(directory, name, signal)
    try {
      await destroyHolder(directory, name, await readRecord(directory, name))
      await unlink(lockFile(directory, name))
    } finally {
      lock.release()
    }
  }

  async configHash(spec: SandboxSpec): Promise<string> {
    return (await this.#plan(spec, await runtimeDirectory(this.#settings.runtimeDir))).hash
  }

  async #plan(spec: SandboxSpec, directory: string): Promise<Plan> {
    this.#facts ??= readFacts(this.#command)
    this.#facts.catch(() => {
      this.#facts = undefined
    })
    return makePlan(spec, directory, this.#settings, await this.#facts)
  }

  /** Connects to the sandbox that is there; undefined when it is to be made anew. */
  async #adopt(
    plan: Plan,
    directory: string,
    { signal, report }: OpenContext,
  ): Promise<Sandbox | undefined> {
    const { spec, layout } = plan
    const record = await readRecord(directory, spec.name)
    if (record === undefined) return undefined
    if (record.installation !== spec.installation) throw foreign(record)
    if (!(await isRunning(record))) return undefined
    const { all: connections } = await countConnections(layout.channelDirectory)
    const isStale = record.argumentsHash !== plan.hash
    if (isStale && connections === 0) return undefined
    if (record.protocol !== protocol) throw incompatible(record)
    const stale = isStale ? keptStale(spec) : undefined
    if (stale !== undefined) report(stale)
    return this.#connect(plan, signal, stale).catch(async (error: unknown) => {
      // It ended under our hands: one that is made now does not.
      if (isSandboxError(error, 'SANDBOX_LOST')) return undefined
      if (!isSandboxError(error, 'SANDBOX_START_FAILED')) throw error
      if ((await countConnections(layout.channelDirectory)).inUse > 0) throw error
      // The workspace was replaced by another directory of that name: the sandbox has the old one, and so
      // have others that have found that out at the same time.
      return undefined
    })
  }

  async #create(plan: Plan, directory: string, signal: AbortSignal): Promise<Sandbox> {
    const { spec, layout, hash } = plan
    const record: SandboxRecord = {
      protocol,
      name: spec.name,
      installation: spec.installation,
      scopeKey: spec.scopeKey,
      agent: spec.agent,
      workspace: spec.mounts[0].host,
      createdMs: Date.now(),
      ...(spec.ephemeral === undefined ? {} : { ephemeral: spec.ephemeral }),
      argumentsHash: hash,
    }
    try {
      const order = { command: this.#command, directory, layout, arguments: plan.arguments, record }
      await createHolder(order, signal)
      const sandbox = await this.#connect(plan, signal)
      if (sandbox === undefined) throw endedAtOnce(spec.name)
      return sandbox
    } catch (error) {
      await destroyHolder(directory, spec.name, await readRecord(directory, spec.name))
      await unlink(lockFile(directory, spec.name))
      throw error
    }
  }

  async #connect(
    { spec, layout }: Plan,
    signal: AbortSignal,
    stale?: string,
  ): Promise<Sandbox | undefined> {
    const root = spec.mounts[0].sandbox
    const { channelDirectory } = layout
    const sandbox = await BubblewrapSandbox.connect(
      spec.name,
      root,
      channelDirectory,
      layout,
      stale,
    )
    if (sandbox === undefined) return undefined
    try {
      await verifyMount(sandbox, spec, signal)
      await sandbox.accept()
      return sandbox
    } catch (error) {
      await sandbox.close()
      throw error
    }
  }
}

/** Names become paths, so nothing else may pass. */
function requireName(name: string): void {
  if (isSandboxName(name)) return
  throw argumentInvalid(
    `${shown(name)} is not the name of a sandbox`,
    'Take the name from the list of sandboxes.',
  )
}

async function isRunning({ processes }: SandboxRecord): Promise<boolean> {
  return processes !== undefined && isAlive(processes.monitor) && isAlive(processes.init)
}

async function describe(record: SandboxRecord): Promise<SandboxInfo> {
  const { name, installation, scopeKey, agent, workspace, createdMs, ephemeral } = record
  const configHash = record.argumentsHash
  const state = (await isRunning(record)) ? 'running' : record.processes ? 'stopped' : 'broken'
  return {
    ...{ name, kind: 'bubblewrap', state, installation, scopeKey, agent, workspace, createdMs },
    configHash,
    ...(ephemeral === undefined ? {} : { ephemeral }),
  }
}

function foreign(record: SandboxRecord) {
  return sandboxStartFailed(
    `sandbox ${record.name} belongs to another installation, ${shown(record.installation)}`,
    'Remove it there, or use another agent or session name.',
  )
}

function incompatible(record: SandboxRecord) {
  return sandboxStartFailed(
    `sandbox ${record.name} is in use by a server of another version`,
    'End that server, or recreate the sandbox.',
  )
}

function endedAtOnce(name: string) {
  return sandboxStartFailed(
    `the holder of sandbox ${name} ended as soon as it had started`,
    'Call again; if it happens again, run the command doctor.',
  )
}
