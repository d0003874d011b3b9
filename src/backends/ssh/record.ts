/** Whose sandbox a directory on an SSH host is: one line of JSON beside its workspace. */
import type { SandboxInfo, SandboxSpec } from '../../sandbox.ts'

export interface SandboxRecord
  extends Pick<SandboxInfo, 'name' | 'scopeKey' | 'agent' | 'workspace' | 'createdMs'> {
  readonly installation: string
}

/** The line for a sandbox that is made now. */
export function recordLine({ name, installation, scopeKey, agent, mounts }: SandboxSpec): string {
  const record: SandboxRecord = {
    name,
    installation,
    scopeKey,
    agent,
    workspace: mounts[0].host,
    createdMs: Date.now(),
  }
  return `${JSON.stringify(record)}\n`
}

/** Undefined for anything but a line of ours. */
export function parseRecord(line: string): SandboxRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { name, installation, scopeKey, agent, workspace, createdMs } = value as SandboxRecord
  const texts = [name, installation, scopeKey, agent, workspace]
  if (!texts.every((text) => typeof text === 'string') || typeof createdMs !== 'number') {
    return undefined
  }
  return { name, installation, scopeKey, agent, workspace, createdMs }
}
