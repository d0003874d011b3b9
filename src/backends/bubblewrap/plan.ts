/** What there is to be after `open`, worked out from the settings before anything is made. */
import { join } from 'node:path'
import type { SandboxSpec } from '../../sandbox.ts'
import {
  type BubblewrapSettings,
  bubblewrapArguments,
  type HostFacts,
  type SandboxLayout,
} from './arguments.ts'
import { ownUid } from './directory.ts'
import { hashOf } from './scripts.ts'

export interface Plan {
  readonly spec: SandboxSpec
  readonly layout: SandboxLayout
  readonly arguments: readonly string[]
  readonly hash: string
}

/** `directory` holds the directories of all sandboxes. */
export function makePlan(
  spec: SandboxSpec,
  directory: string,
  settings: BubblewrapSettings,
  facts: HostFacts,
): Plan {
  // Only root can be somebody else: for others what they make is their own anyway.
  const root = ownUid() === 0
  const layout: SandboxLayout = {
    hostname: spec.name,
    uid: root ? spec.owner.uid : ownUid(),
    gid: root ? spec.owner.gid : (process.getgid?.() ?? -1),
    mounts: spec.mounts,
    etcDirectory: join(directory, spec.name, 'etc'),
    channelDirectory: join(directory, spec.name, 'channels'),
    endsWithServer: spec.ephemeral !== undefined,
  }
  const args = bubblewrapArguments(layout, settings, facts)
  return { spec, layout, arguments: args, hash: hashOf(args) }
}
