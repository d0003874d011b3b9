/** A workspace of its own and the Docker sandboxes that are opened on it, for tests of the backend. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { connectEngine } from '../../src/backends/docker/connect.ts'
import type { DockerSettings } from '../../src/backends/docker/settings.ts'
import { DockerBackend } from '../../src/backends/docker.ts'
import type { Sandbox, SandboxSpec } from '../../src/sandbox.ts'
import { runScript } from '../../src/scripts/script.ts'
import { sandboxName } from '../../src/sessions/scope.ts'
import { images } from './available.ts'

const never = new AbortController().signal

export class DockerWorld {
  readonly docker: Docker
  /** A directory for the test, with the workspace in it. */
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-docker-')))
  readonly host = join(this.directory, 'workspace')
  /** What the backend said while it opened sandboxes. */
  readonly reports: string[] = []
  readonly spec: SandboxSpec
  readonly #opened: Sandbox[] = []
  readonly #socketPath: string | undefined

  /** `socketPath` is another engine's than the usual one. */
  constructor(socketPath?: string) {
    this.docker = new Docker(socketPath === undefined ? undefined : { socketPath })
    this.#socketPath = socketPath
    mkdirSync(this.host)
    const { uid, gid } = statSync(this.host)
    this.spec = {
      name: sandboxName('docker-world', this.host),
      installation: 'docker-world',
      scopeKey: 'docker-world',
      agent: 'main',
      mounts: [{ host: this.host, sandbox: '/workspace', writable: true }],
      owner: { uid, gid },
    }
  }

  backend(settings: Partial<DockerSettings> = {}): DockerBackend {
    const socketPath = this.#socketPath
    const all = { image: images.busybox, ...settings }
    if (socketPath === undefined) return new DockerBackend(all)
    const endpoint = { name: `unix://${socketPath}`, socketPath }
    return new DockerBackend(all, (signal) => connectEngine(signal, [endpoint]))
  }

  async open(
    settings: Partial<DockerSettings> = {},
    change: Partial<SandboxSpec> = {},
    signal: AbortSignal = never,
  ): Promise<Sandbox> {
    const context = { signal, report: (line: string) => void this.reports.push(line) }
    const sandbox = await this.backend(settings).open({ ...this.spec, ...change }, context)
    this.#opened.push(sandbox)
    return sandbox
  }

  /** What a script prints in the sandbox, its errors after the rest. */
  async run(sandbox: Sandbox, script: string): Promise<string> {
    const { stdout, stderr } = await runScript(sandbox, script, undefined, never)
    return stdout.toString() + stderr
  }

  inspect(name = this.spec.name) {
    return this.docker.getContainer(name).inspect()
  }

  /** The names of the containers that belong to the sandbox, whole or half made. */
  async containers(): Promise<string[]> {
    const all = await this.docker.listContainers({ all: true, filters: { name: [this.spec.name] } })
    return all.map(({ Names }) => (Names[0] ?? '').slice(1)).sort()
  }

  async close(): Promise<void> {
    for (const sandbox of this.#opened) await sandbox.close()
    await this.backend().remove(this.spec.name, never)
    rmSync(this.directory, { recursive: true, force: true })
  }
}
