/** What a session is told when it is put together, and what holds where nothing was said. */
import type { SandboxUse } from './activity.ts'
import type { ExecutionLimits } from './executions.ts'
import type { OutputLimits } from './output/captured-output.ts'

export interface SessionLimits extends ExecutionLimits {
  /** How long the sandbox is kept as in use after a call: calls often follow each other closely. */
  readonly lingerMs: number
}

export const sessionLimits: SessionLimits = {
  running: 64,
  ended: 50,
  endedMs: 30 * 60_000,
  logBytes: 1024 * 1024 * 1024,
  lingerMs: 5_000,
}

/** How long a command may take that says nothing itself and of which no setting does. */
export const defaultTimeoutSeconds = 1_800

export interface SessionOptions {
  /** The sandbox is removed when the session closes. */
  readonly ephemeral: boolean
  readonly limits?: SessionLimits
  readonly outputLimits?: OutputLimits
  /** What every command has in its environment; what a call sets wins. */
  readonly env?: Readonly<Record<string, string>>
  /** For commands that set no limit themselves; 0 for none. */
  readonly commandTimeoutSeconds?: number | undefined
  /** Where it is noted that the sandbox is in use; without it, nowhere. */
  readonly use?: SandboxUse
  /** What the client is to hear with its first result. */
  readonly news?: readonly string[]
}

/** Of a session whose use of its sandbox is noted nowhere. */
export const unnoted: SandboxUse = {
  left: () => () => {},
  forget: () => {},
  begin: async () => ({ touch: () => {}, end: () => {} }),
  opened: () => {},
  failed: () => {},
}
