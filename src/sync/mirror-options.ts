/** What two directories are kept in step by, and what of them is to be looked at. */
import type { Sandbox } from '../sandbox.ts'
import type { Owner } from '../trees/host-temporary.ts'

export interface MirrorOptions {
  /** Real absolute path on the host. */
  readonly host: string
  readonly owner: Owner | undefined
  /** Which root of the sandbox. */
  readonly root: (sandbox: Sandbox) => string
  /** Patterns of what is left out, after the built-in ones. */
  readonly ignore: readonly string[]
  /** Whether what the host's `.gitignore` files name is left out too. */
  readonly gitignore: boolean
  /** Where what was agreed on is kept. */
  readonly ancestorFile: string
  /** Only the host's changes are carried over; what the sandbox changes there is undone. */
  readonly oneWay?: boolean
}

/** What has to be looked at; the other side is taken to be as it was left, which every change checks. */
export type Look = 'both' | 'host' | 'sandbox'
