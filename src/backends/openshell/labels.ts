/**
 * Whose sandbox it is, in its labels: the gateway is the registry. A label's value is at most 63 of
 * `A-Za-z0-9-_.`, so the record is compressed, written in hexadecimal and cut into several.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { sandboxStartFailed, shown } from '../../errors.ts'
import type { SandboxInfo, SandboxSpec } from '../../sandbox.ts'

export interface SandboxRecord
  extends Pick<SandboxInfo, 'scopeKey' | 'agent' | 'workspace' | 'createdMs' | 'ephemeral'> {
  readonly installation: string
  /** Tells one creation from another of the same name. */
  readonly creation: string
  /** `settingsHash` of what it was made with. */
  readonly settings: string
}

export const installationLabel = 'sandbox-mcp.installation'
const recordLabel = (at: number) => `sandbox-mcp.record-${at}`

const valueLength = 63
/** Gateways take 128 entries in such maps, and others may want some. */
const maxLabels = 100
/** No record that we write is longer. */
const maxRecordBytes = 65_536

/** The labels of a sandbox that is made now. */
export function labelsFor(
  { installation, scopeKey, agent, mounts, ephemeral }: SandboxSpec,
  creation: string,
  settings: string,
): Record<string, string> {
  const record: SandboxRecord = {
    installation,
    scopeKey,
    agent,
    workspace: mounts[0].host,
    createdMs: Date.now(),
    ...(ephemeral === undefined ? {} : { ephemeral }),
    creation,
    settings,
  }
  const text = deflateRawSync(JSON.stringify(record)).toString('hex')
  const labels: Record<string, string> = { [installationLabel]: installation }
  for (let at = 0; at * valueLength < text.length; at++) {
    labels[recordLabel(at)] = text.slice(at * valueLength, (at + 1) * valueLength)
  }
  if (Object.keys(labels).length > maxLabels) {
    throw sandboxStartFailed(
      `the path of the workspace ${shown(record.workspace)} is too long for the labels of a sandbox`,
      'Use a workspace with a shorter path.',
    )
  }
  return labels
}

/** Undefined where the labels are not, or not all, as `labelsFor` makes them. */
export function recordOf(labels: Readonly<Record<string, string>>): SandboxRecord | undefined {
  let text = ''
  for (let at = 0; labels[recordLabel(at)] !== undefined; at++) text += labels[recordLabel(at)]
  let value: unknown
  try {
    const bytes = inflateRawSync(Buffer.from(text, 'hex'), { maxOutputLength: maxRecordBytes })
    value = JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { ephemeral, createdMs, ...rest } = value as SandboxRecord
  const { installation, scopeKey, agent, workspace, creation, settings } = rest
  const texts = [installation, scopeKey, agent, workspace, creation, settings]
  if (!texts.every((one) => typeof one === 'string') || typeof createdMs !== 'number') {
    return undefined
  }
  if (installation !== labels[installationLabel]) return undefined
  const record = { installation, scopeKey, agent, workspace, createdMs, creation, settings }
  const { pid, started } = ephemeral ?? {}
  if (typeof pid !== 'number' || typeof started !== 'string') return record
  return { ...record, ephemeral: { pid, started } }
}
