/** What the supervisor of a sandbox is told, and what it tells. */
import type { LandlockRules } from './landlock.ts'

export interface SupervisorSettings {
  /** Unix socket to listen on, as the supervisor sees it. */
  readonly socket: string
  readonly uid: number
  readonly gid: number
  /** Home and working directory of every command. */
  readonly root: string
  /** Given when the sandbox was made. */
  readonly environment: Readonly<Record<string, string>>
  /** The main process; nothing before 0.0.111. */
  readonly main: readonly string[]
  /** Directories that belong to the user of the sandbox. */
  readonly owned: readonly string[]
  readonly rules: LandlockRules
  /** Set when the policy lets nobody read the programs: nothing can be started. */
  readonly nothingStarts: boolean
  /** From 0.0.111 on, input for a process that reads no more closes its channel. */
  readonly closesOnLostInput: boolean
  readonly inactivityMs: number
}

export type SupervisorEvent =
  | { readonly listening: true }
  /** The main process ended. */
  | { readonly mainExit: number }
