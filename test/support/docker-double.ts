/** A Docker engine that tells of sandboxes, and answers everything else as a test wants. */
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { installationId } from '../../src/sessions/state-directory.ts'
import type { World } from './stdio-server.ts'

export interface DockerDouble {
  /** By which the command uses it. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<unknown>
}

/** Answers a call, as `GET /containers/json`; `list` answers that with all sandboxes. */
type Answer = (call: string, response: ServerResponse, list: () => void) => void

/** `sandboxes` are names by agent; all are of the installation whose state is in `state`. */
export async function startDockerDouble(
  { temporary }: World,
  state: string,
  sandboxes: Readonly<Record<string, string>>,
  answer: Answer,
): Promise<DockerDouble> {
  const containers = Object.entries(sandboxes).map(([agent, name]) => ({
    Id: name,
    Names: [`/${name}`],
    State: 'running',
    Created: 1,
    Labels: {
      'sandbox-mcp.installation': installationId(state),
      'sandbox-mcp.scope-key': 's',
      'sandbox-mcp.agent': agent,
      'sandbox-mcp.workspace': '/elsewhere',
    },
  }))
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '').replace(/^\/v[0-9.]+/, '')
    if (path === '/_ping') response.end('OK')
    else answer(`${request.method} ${path}`, response, () => json(response, containers))
  })
  const socket = join(temporary, 'docker.sock')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return {
    env: { DOCKER_HOST: `unix://${socket}` },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

export function json(response: ServerResponse, value: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
