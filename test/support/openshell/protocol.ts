/**
 * What the command line and the gateway of the test double say to each other. The gateway answers
 * `POST /rpc/<Method>` with JSON, `POST /watch` and `POST /exec` with a line of JSON per event, and
 * `POST /forward` with an upgrade to raw bytes.
 */

/** The gRPC codes that occur, with the words that tonic prints for them. */
export const codeText = {
  NotFound: 'Some requested entity was not found',
  InvalidArgument: 'Client specified an invalid argument',
  FailedPrecondition: "The system is not in a state required for the operation's execution",
  AlreadyExists: 'Some entity that we attempted to create already exists',
  Unauthenticated: 'The request does not have valid authentication credentials',
  PermissionDenied: 'The caller does not have permission to execute the specified operation',
  Unavailable: 'The service is currently unavailable',
  ResourceExhausted: 'Some resource has been exhausted',
  Unimplemented: 'Operation is not implemented or not supported',
} as const

export type Code = keyof typeof codeText

/** A refusal of the gateway. */
export class Status extends Error {
  readonly code: Code
  constructor(code: Code, message: string) {
    super(message)
    this.code = code
  }
}

export type Phase =
  | 'Provisioning'
  | 'Ready'
  | 'Error'
  | 'Deleting'
  | 'Stopping'
  | 'Stopped'
  | 'Starting'
  | 'Completed'

/** A sandbox as the gateway tells it. */
export interface SandboxView {
  readonly id: string
  readonly name: string
  readonly workspace: string
  readonly labels: Readonly<Record<string, string>>
  readonly resourceVersion: number
  readonly createdMs: number
  readonly phase: Phase
  /** Why it is not Ready: `reason: message`. */
  readonly condition?: string
  readonly tty: boolean
  /** The policy of the sandbox as it was given, or the built-in one. */
  readonly policy: unknown
}

export interface WorkspaceView {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly resourceVersion: number
  readonly createdMs: number
  readonly status: 'Active' | 'Terminating'
}

export interface CreateRequest {
  readonly name: string
  readonly workspace: string
  readonly labels: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
  readonly image: string
  readonly providers: readonly string[]
  readonly command: readonly string[]
  readonly tty: boolean
  readonly policy?: Policy
}

/** The parts of a policy file that the double acts on. */
export interface Policy {
  readonly version: number
  readonly filesystem_policy?: {
    readonly include_workdir?: boolean
    readonly read_only?: readonly string[]
    readonly read_write?: readonly string[]
  }
  readonly [section: string]: unknown
}

export interface ExecRequest {
  readonly id: string
  readonly command: readonly string[]
  readonly workdir: string
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutSeconds: number
  /** Base 64. */
  readonly stdin: string
}

/** A line of `/exec`: output in base 64, or the end. */
export type ExecEvent =
  | { readonly stdout: string }
  | { readonly stderr: string }
  | { readonly exit: number }
  | { readonly error: { readonly code: Code; readonly message: string } }

/** What a test can change while the double runs. */
export interface Knobs {
  /** Of the command line and the gateway. */
  version: string
  /** How long a sandbox is Provisioning. */
  provisioningMs: number
  /** How long a sandbox is Deleting after a delete has been accepted. */
  deletingMs: number
  /** Every call of the command line takes this much longer. */
  slowCliMs: number
  /** `unauthenticated` and `forbidden` refuse every call but the gateway's health. */
  access: 'open' | 'unauthenticated' | 'forbidden'
  /** Images that cannot be pulled. */
  missingImages: string[]
  /** New sandboxes end in Error with this reason and message. */
  failCreate: string
  /** The login profile prints on stdout and stderr. */
  noisyProfile: boolean
  /** Counts SSH connections from now on; those of these numbers are refused, the first is 1. */
  refuseConnections: number[]
  /** An SSH session's token opens no connection after so long; 0 is for ever. */
  tokenTtlMs: number
  connectionsPerToken: number
  connectionsPerSandbox: number
  /** An SSH connection without a packet for so long is cut. */
  inactivityMs: number
  /** For each direction of each SSH connection; 0 is no limit. */
  bytesPerSecond: number
  /** New sandboxes have a workspace of this size; 0 is no limit. */
  workspaceBytes: number
  /** New sandboxes have a workspace that cannot be written. */
  readOnlyWorkspace: boolean
  /** New sandboxes have an sftp-server. */
  sftp: boolean
  /** Refusals of the gateway are printed as early versions did, `status: NotFound, …`. */
  oldErrors: boolean
  /** Errors are printed with the glyphs of a terminal that is not UTF-8. */
  asciiErrors: boolean
}

export const defaultKnobs: Knobs = {
  version: '0.0.111',
  provisioningMs: 100,
  deletingMs: 0,
  slowCliMs: 0,
  access: 'open',
  missingImages: [],
  failCreate: '',
  noisyProfile: false,
  refuseConnections: [],
  tokenTtlMs: 86_400_000,
  connectionsPerToken: 3,
  connectionsPerSandbox: 20,
  inactivityMs: 600_000,
  bytesPerSecond: 0,
  workspaceBytes: 0,
  readOnlyWorkspace: false,
  sftp: true,
  oldErrors: false,
  asciiErrors: false,
}

/** Whether a version has what came with the tag `since`; both are `major.minor.patch`. */
export function atLeast(version: string, since: string): boolean {
  const [a, b] = [version, since].map((text) => text.split('.').map(Number))
  for (let at = 0; at < 3; at += 1) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}
