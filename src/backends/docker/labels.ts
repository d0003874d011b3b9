/** What a container's labels tell about the sandbox it is. The engine is the only registry. */
import { sandboxStartFailed } from '../../errors.ts'
import type { SandboxInfo, SandboxSpec, ServerProcess } from '../../sandbox.ts'

export const label = {
  installation: 'sandbox-mcp.installation',
  scopeKey: 'sandbox-mcp.scope-key',
  agent: 'sandbox-mcp.agent',
  workspace: 'sandbox-mcp.workspace',
  config: 'sandbox-mcp.config',
  ephemeral: 'sandbox-mcp.ephemeral',
} as const

export function labelsOf(spec: SandboxSpec, configHash: string): Record<string, string> {
  return {
    [label.installation]: spec.installation,
    [label.scopeKey]: spec.scopeKey,
    [label.agent]: spec.agent,
    [label.workspace]: spec.mounts[0].host,
    [label.config]: configHash,
    ...(spec.ephemeral ? { [label.ephemeral]: serverText(spec.ephemeral) } : {}),
  }
}

/** What `list` tells about a container besides its name and state. */
export function infoOf(
  labels: Readonly<Record<string, string>>,
): Omit<SandboxInfo, 'name' | 'kind' | 'state' | 'createdMs'> {
  const configHash = labels[label.config]
  const ephemeral = labels[label.ephemeral]
  return {
    scopeKey: labels[label.scopeKey] ?? '',
    agent: labels[label.agent] ?? '',
    workspace: labels[label.workspace] ?? '',
    ...(configHash === undefined ? {} : { configHash }),
    ...(ephemeral === undefined ? {} : { ephemeral: serverOf(ephemeral) }),
  }
}

/** Throws `SANDBOX_START_FAILED` unless the spec's installation made the container. */
export function refuseForeign(
  { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  { installation }: SandboxSpec,
): void {
  const owner = labels[label.installation]
  if (owner === installation) return
  throw sandboxStartFailed(
    `a container named ${name} exists and ${owner === undefined ? 'is not a sandbox of this server' : `belongs to another installation (${owner})`}`,
    `Remove or rename it ("docker rm -f ${name}"), or choose another --session.`,
  )
}

const serverText = ({ pid, started }: ServerProcess) => `${pid}:${started}`

function serverOf(text: string): ServerProcess {
  const [pid = '', ...started] = text.split(':')
  return { pid: Number(pid), started: started.join(':') }
}
