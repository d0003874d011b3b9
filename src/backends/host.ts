/**
 * No sandbox: commands are processes of this machine, of the server's own user, and nothing is between
 * them and it. For sessions that the settings put on the host, and for no other.
 *
 * What there is to open is nothing, so that a record stands for it: `list` tells who works on the host,
 * and `remove` ends what runs and forgets the record. Files are the user's own, and never removed.
 */

import { randomBytes } from 'node:crypto'
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import {
  argumentInvalid,
  backendUnavailable,
  cancelled,
  sandboxStartFailed,
  shown,
} from '../errors.ts'
import type {
  Backend,
  Check,
  Finding,
  OpenContext,
  Sandbox,
  SandboxInfo,
  SandboxSpec,
} from '../sandbox.ts'
import { setAside } from '../set-aside.ts'
import { endMarked } from './host/end-marked.ts'
import { HostSandbox } from './host/sandbox.ts'
import { isSandboxName } from './sandbox-name.ts'

type HostRecord = Omit<SandboxInfo, 'kind' | 'state'>

export class HostBackend implements Backend {
  readonly kind = 'host'
  readonly checks: readonly Check[] = [
    { name: 'commands can be run and ended on this machine', run: () => findTools() },
  ]
  readonly #directory: string

  /** `directory` holds the records, and is made when it is needed. */
  constructor(directory: string) {
    this.#directory = directory
  }

  async open(spec: SandboxSpec, { signal, report }: OpenContext): Promise<Sandbox> {
    requireName(spec.name)
    report('commands run on this machine itself, without a sandbox')
    if (signal.aborted) throw cancelled('opening the sandbox')
    const finding = await findTools()
    if (!finding.ok) throw backendUnavailable(finding.detail, finding.fix)
    if (signal.aborted) throw cancelled('opening the sandbox')
    const { installation } = this.#record(spec)
    if (installation === spec.installation) return new HostSandbox(spec.name, spec.mounts[0].host)
    throw sandboxStartFailed(
      `the record ${spec.name} in ${shown(this.#directory)} belongs to another installation (${installation})`,
      'Remove that file, or choose another --session.',
    )
  }

  async list(installation: string | undefined): Promise<readonly SandboxInfo[]> {
    let files: string[]
    try {
      files = readdirSync(this.#directory)
    } catch {
      return []
    }
    return files
      .filter((file) => isSandboxName(file.replace(/\.json$/, '')))
      .flatMap((file) => readRecord(join(this.#directory, file)) ?? [])
      .filter((record) => (installation ?? record.installation) === record.installation)
      .map((record) => ({ ...record, kind: this.kind, state: 'running' }))
  }

  async remove(name: string): Promise<void> {
    requireName(name)
    rmSync(this.#path(name), { force: true })
    await endMarked(name)
  }

  /** The record that is there, or the one that is made now. */
  #record(spec: SandboxSpec): HostRecord {
    const { name, installation, scopeKey, agent, mounts, ephemeral } = spec
    const path = this.#path(name)
    const record: HostRecord = {
      name,
      installation,
      scopeKey,
      agent,
      workspace: mounts[0].host,
      createdMs: Date.now(),
      ...(ephemeral === undefined ? {} : { ephemeral }),
    }
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const made = join(this.#directory, `.${name}-${randomBytes(6).toString('hex')}`)
    writeFileSync(made, JSON.stringify(record), { mode: 0o600 })
    try {
      linkSync(made, path)
      return record
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const found = readRecord(path)
      if (found !== undefined) return found
      // Kept aside for whoever wants to know what happened to it; it stands for nothing.
      setAside(path)
      renameSync(made, path)
      return record
    } finally {
      rmSync(made, { force: true })
    }
  }

  #path(name: string): string {
    return join(this.#directory, `${name}.json`)
  }
}

function readRecord(path: string): HostRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8'))
    return typeof record?.name === 'string' && typeof record.createdMs === 'number'
      ? record
      : undefined
  } catch {
    return undefined
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

/** Groups are found in /proc, and are made with setsid where a shell leads none. */
async function findTools(): Promise<Finding> {
  const script =
    'for tool in setsid mkfifo; do command -v "$tool" >/dev/null || echo "$tool"; done; [ -r /proc/self/environ ] || echo /proc'
  const { stdout, failed } = await execa('sh', ['-c', script], { stdin: 'ignore', reject: false })
  if (!failed && stdout === '')
    return { ok: true, detail: `${process.platform}, without a sandbox` }
  return {
    ok: false,
    detail: `commands cannot be run on this machine itself: it lacks ${failed ? 'sh' : stdout.split('\n').join(', ')}`,
    fix: 'Set mode to "all": sessions then have a sandbox.',
  }
}
