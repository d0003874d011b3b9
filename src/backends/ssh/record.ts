/** Whose sandbox a directory on an SSH host is: one line of JSON beside its workspace. */
import type { SandboxInfo, SandboxSpec } from '../../sandbox.ts'
import { isSandboxName } from '../sandbox-name.ts'

export interface SandboxRecord
  extends Pick<SandboxInfo, 'name' | 'scopeKey' | 'agent' | 'workspace' | 'createdMs'> {
  readonly installation: string
  /**
   * The target that leads to it, as configured. Hosts may share a home: from there it is seen under
   * another target, and is not theirs to remove.
   */
  readonly target: string
}

/** The record of a sandbox that is made now. */
export function newRecord(
  { name, installation, scopeKey, agent, mounts }: SandboxSpec,
  target: string,
): SandboxRecord {
  const workspace = mounts[0].host
  return { name, installation, scopeKey, agent, workspace, createdMs: Date.now(), target }
}

export function recordLine(record: SandboxRecord): string {
  return `${JSON.stringify(record)}\n`
}

/** What a record's line holds if `key` has this value; no other line does, as values are escaped. */
export function recordField(key: keyof SandboxRecord, value: string): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`
}

/**
 * Undefined for anything but a line of ours. What runs in a sandbox can write records, and their names become names of files on
 * this machine.
 */
export function parseRecord(line: string): SandboxRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { createdMs, ...rest } = value as SandboxRecord
  const { name, installation, scopeKey, agent, workspace, target } = rest
  const texts = [name, installation, scopeKey, agent, workspace, target]
  if (typeof name !== 'string' || !isSandboxName(name)) return undefined
  if (!texts.every((text) => typeof text === 'string') || typeof createdMs !== 'number') {
    return undefined
  }
  return { name, installation, scopeKey, agent, workspace, createdMs, target }
}
