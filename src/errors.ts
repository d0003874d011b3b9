/**
 * Everything this server can fail to do, and the wording of it; that about files is in `file-errors.ts`,
 * that of a sync in `sync/sync-errors.ts`.
 *
 * A command that ran is a result, however it ended; a `SandboxError` is only for what could not be
 * done. It carries a stable code, a message with the offending value, and a hint that names the
 * next step. Programmer mistakes are plain `Error`s.
 */

export type ErrorCode =
  // an operator acts
  | 'CONFIG_INVALID'
  | 'BACKEND_UNAVAILABLE'
  | 'SANDBOX_START_FAILED'
  | 'HOST_KEY_REJECTED'
  // the model acts
  | 'ARGUMENT_INVALID'
  | 'PATH_OUTSIDE'
  | 'FILE_NOT_FOUND'
  | 'NOT_A_FILE'
  | 'FILE_TOO_LARGE'
  | 'FILE_BINARY'
  | 'FILE_STALE'
  | 'FILE_EXISTS'
  | 'FILE_DENIED'
  | 'EDIT_NO_MATCH'
  | 'PATCH_INVALID'
  | 'COMMAND_NOT_STARTED'
  | 'PROCESS_NOT_FOUND'
  // either, by retry or recreate
  | 'SANDBOX_LOST'
  | 'CANCELLED'
  // a person acts
  | 'SYNC_HALTED'
  | 'SYNC_INTERRUPTED'

/** The one error class. Its texts hold no control characters and no credentials in URLs. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError'
  readonly code: ErrorCode
  /** One imperative sentence: the call or command that helps. */
  readonly hint: string
  /** Of `CONFIG_INVALID`: the key whose value it is about, such as `docker.image`, where it is one. */
  readonly setting?: string
  /** Of `COMMAND_NOT_STARTED`: the directory that is not there, where that is why. */
  readonly workdir?: string
  /** Of a sync: what is in the way is in the sandbox, where a command may put it right. */
  readonly isInside?: boolean
  /** The same with other names for the files that it is about. */
  readonly renamed?: (nameOf: (path: string) => string) => SandboxError

  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    cause?: unknown,
    about: Pick<SandboxError, 'setting' | 'workdir' | 'isInside'> = {},
  ) {
    super(printable(message), cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = printable(hint)
    Object.assign(this, about)
  }
}

/** True for a `SandboxError`, of the given code if one is given. */
export function isSandboxError(error: unknown, code?: ErrorCode): error is SandboxError {
  return error instanceof SandboxError && (code === undefined || error.code === code)
}

function printable(text: string): string {
  return (
    text
      .replace(/\/\/[^/@\s]+:[^/@\s]+@/g, '//***@')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}')
  )
}

/** Of what others have written, for a line that a person reads: a terminal obeys some characters, and a line feed begins a line. */
export const oneLine = (text: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}')

/** How a value is shown in a message: quoted, escaped, and cut when it is long. */
export function shown(value: string): string {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}\u2026` : value)
}

// --- settings and engines -----------------------------------------------------------------------

export const configInvalid = (message: string, hint: string, setting?: string) =>
  new SandboxError(
    'CONFIG_INVALID',
    message,
    hint,
    undefined,
    setting === undefined ? {} : { setting },
  )

export const backendUnavailable = (message: string, hint: string, cause?: unknown) =>
  new SandboxError('BACKEND_UNAVAILABLE', message, hint, cause)

export const engineSilent = (engine: string, call: string, afterMs: number) =>
  new SandboxError(
    'BACKEND_UNAVAILABLE',
    `${engine} accepted "${call}" and did not answer within ${Math.round(afterMs / 1000)} s`,
    `Restart ${engine}, then call again.`,
  )

export const hostKeyRejected = (message: string, hint: string) =>
  new SandboxError('HOST_KEY_REJECTED', message, hint)

export const sandboxStartFailed = (message: string, hint: string, cause?: unknown) =>
  new SandboxError('SANDBOX_START_FAILED', message, hint, cause)

export const sandboxLost = (name: string, reason: string, cause?: unknown) =>
  new SandboxError(
    'SANDBOX_LOST',
    `sandbox ${name} went away: ${reason}`,
    'Call again; the sandbox is opened anew. What ran inside, and files outside the workspace, may be gone.',
    cause,
  )

/** Where nobody can end what runs there, nor tell whether it has ended. */
export const sandboxStill = (name: string, afterMs: number) =>
  new SandboxError(
    'SANDBOX_LOST',
    `sandbox ${name} has not answered for ${afterMs / 1000} s; what ran there is given up, and may go on`,
    'Look at what still runs there before you call again; when it stays like this, remove the sandbox or restart the engine.',
  )

/** Nothing of ours prints so much: what runs inside can write into any pipe of its user's. */
export const sandboxFloods = (name: string, mostBytes: number) =>
  new SandboxError(
    'SANDBOX_LOST',
    `sandbox ${name} says more than ${mostBytes} bytes where a script of the server has to answer, and was not listened to any longer`,
    'Something inside writes where only the server listens: end what runs there, or recreate the sandbox, then call again.',
  )

export const cancelled = (what: string) =>
  new SandboxError('CANCELLED', `${what} was cancelled`, 'Call again if it is still wanted.')

// --- arguments and commands ---------------------------------------------------------------------

export const argumentInvalid = (message: string, hint: string) =>
  new SandboxError('ARGUMENT_INVALID', message, hint)

export const workdirMissing = (workdir: string) =>
  new SandboxError(
    'COMMAND_NOT_STARTED',
    `there is no directory ${shown(workdir)} in the sandbox; the command was not started`,
    'Leave workdir out to use the workspace, or make the directory first.',
    undefined,
    { workdir },
  )

export const commandNotStarted = (reason: string, hint: string, cause?: unknown) =>
  new SandboxError('COMMAND_NOT_STARTED', `the command was not started: ${reason}`, hint, cause)

/** Where it cannot be told whether the command has begun. */
export const commandUncertain = (reason: string, hint: string) =>
  new SandboxError(
    'COMMAND_NOT_STARTED',
    `the command may have begun, or may yet run for a moment: ${reason}`,
    hint,
  )

export const processNotFound = (id: string) =>
  new SandboxError(
    'PROCESS_NOT_FOUND',
    `there is no process ${shown(id)} in this session`,
    'Call process with action "list" to see the ones there are.',
  )
