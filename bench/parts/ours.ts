/** Our server with a workspace of its own, on each backend, as a user starts it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { images } from '../../test/support/available.ts'
import type { OpenShellDouble } from '../../test/support/openshell/double.ts'
import { type McpServer, startOurs } from '../mcp-server.ts'
import type { Stage } from '../stage.ts'
import { double } from './openshell.ts'
import { sshd } from './openssh.ts'

export type Place =
  | 'docker'
  | 'docker-busybox'
  | 'bubblewrap'
  | 'host'
  | 'ssh'
  | 'openshell'
  | 'openshell-remote'

export interface Ours extends McpServer {
  /** On the host. */
  readonly workspace: string
  /** The sandbox's name, which is also its container's. */
  readonly sandbox: string
}

/** Runs on `place` until the stage is closed. `key` tells servers on one place apart. */
export function ours(stage: Stage, place: Place, key: string = place): Promise<Ours> {
  return stage.once(`ours-${key}`, async () => {
    const server = await openOurs(stage, place, stage.directory(`ours-${key}`))
    return { value: server, close: server.close }
  })
}

/**
 * A server that whoever calls this closes. All it keeps is in `folder`; so is its workspace, unless one
 * is named.
 */
export async function openOurs(
  stage: Stage,
  place: Place,
  folder: string,
  workspace = join(folder, 'workspace'),
): Promise<Ours> {
  mkdirSync(workspace, { recursive: true })
  const { args, env = {} } = await flags(stage, place, folder)
  const start = { args: ['--workspace', workspace, ...args, '--ephemeral'], home: folder, env }
  const server = await startOurs(start)
  return {
    ...server,
    workspace,
    get sandbox() {
      return /sandbox (sbx-\w+)/.exec(server.log())?.[1] ?? ''
    },
  }
}

interface Flags {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What a user gives the server beside the workspace; a settings file is put into `folder`. */
async function flags(stage: Stage, place: Place, folder: string): Promise<Flags> {
  switch (place) {
    case 'docker':
      return { args: ['--backend', 'docker', '--image', images.debian] }
    case 'docker-busybox':
      return { args: ['--backend', 'docker', '--image', images.busybox] }
    case 'bubblewrap':
      return { args: ['--backend', 'bubblewrap'] }
    case 'host':
      return { args: ['--set', 'mode=off'] }
    case 'ssh': {
      const { target, workspaceRoot, identityFile, knownHostsFile } = (await sshd(stage)).settings
      const settings = { target, workspaceRoot, identityFile, knownHostsFile }
      return {
        args: [
          ...['--backend', 'ssh'],
          ...Object.entries(settings).flatMap(([key, value]) => ['--set', `ssh.${key}=${value}`]),
        ],
      }
    }
    case 'openshell':
      return openShell(await double(stage), 'mirror', folder)
    case 'openshell-remote':
      return openShell(await double(stage), 'remote', folder)
  }
}

function openShell({ command, env }: OpenShellDouble, mode: string, folder: string): Flags {
  const file = join(folder, 'sandbox-mcp.json5')
  const plugin = { enabled: true, config: { command, mode } }
  const settings = {
    agents: { defaults: { sandbox: { backend: 'openshell' } } },
    plugins: { entries: { openshell: plugin } },
  }
  writeFileSync(file, JSON.stringify(settings))
  return { args: ['--config', file], env }
}
