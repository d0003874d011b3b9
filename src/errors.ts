/**
 * Everything this server can fail to do, and the wording of it; that of a sync is in `sync/sync-errors.ts`.
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
  /** Of a sync: what is in the way is in the sandbox, where a command may put it right. */
  readonly isInside?: boolean
  /** The same with other names for the files that it is about. */
  readonly renamed?: (nameOf: (path: string) => string) => SandboxError

  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    cause?: unknown,
    about: Pick<SandboxError, 'setting' | 'isInside'> = {},
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

// --- files ---------------------------------------------------------------------------------------

/** What a tree throws names files as they are in it; who knows where the tree is renames them. */
function aboutFiles(
  code: ErrorCode,
  message: (named: (path: string) => string) => string,
  hint: string,
  cause?: unknown,
): SandboxError {
  const word = (named: (path: string) => string) =>
    new SandboxError(code, message(named), hint, cause)
  const renamed: SandboxError['renamed'] = (nameOf) => word((path) => shown(nameOf(path)))
  return Object.assign(word(shown), { renamed })
}

export const pathOutside = (path: string, reason = 'it leads out of the workspace') =>
  aboutFiles(
    'PATH_OUTSIDE',
    (named) => `${named(path)} was refused: ${reason}`,
    'Use a path inside the workspace, relative to it; for other files of the sandbox use exec.',
  )

export const pathInvalid = (path: string, reason: string) =>
  new SandboxError(
    'ARGUMENT_INVALID',
    `${shown(path)} is not a usable path: ${reason}`,
    'Give a path relative to the workspace.',
  )

export const fileNotFound = (path: string) =>
  aboutFiles(
    'FILE_NOT_FOUND',
    (named) => `there is no file ${named(path)}`,
    'List the directory with read, or search with exec, to find the right path.',
  )

export const notAFile = (path: string, kind: string) =>
  aboutFiles(
    'NOT_A_FILE',
    (named) => `${named(path)} is ${kind}, not a file`,
    'Name a file inside it, or use read to list a directory.',
  )

export const notADirectory = (path: string) =>
  aboutFiles(
    'NOT_A_FILE',
    (named) => `${named(path)} is used as a directory, but it is a file`,
    'Choose another path, or delete the file first.',
  )

export const fileTooLarge = (path: string, size: number, limit: number) =>
  aboutFiles(
    'FILE_TOO_LARGE',
    (named) => `${named(path)} is ${size} bytes; at most ${limit} can be handled whole`,
    'Use exec with head, tail, sed or grep to work on the part you need.',
  )

export const fileBinary = (path: string, size: number, kind = 'binary data') =>
  new SandboxError(
    'FILE_BINARY',
    `${shown(path)} is ${kind} (${size} bytes), not text`,
    'Use exec with a tool that knows its format.',
  )

export const fileStale = (paths: readonly string[]) =>
  aboutFiles(
    'FILE_STALE',
    (named) =>
      `changed by somebody else since it was read: ${paths.map(named).join(', ')}; nothing was written`,
    'Read again, then repeat the change against what is there now.',
  )

export const fileExists = (path: string) =>
  aboutFiles(
    'FILE_EXISTS',
    (named) => `${named(path)} exists already; nothing was written`,
    'Update that file instead, or delete it in the same patch.',
  )

export const fileDenied = (path: string, reason: string, cause?: unknown) =>
  aboutFiles(
    'FILE_DENIED',
    (named) => `${named(path)} could not be changed: ${reason}; nothing was written`,
    'Check the permissions and the free space with exec (ls -ld, df), or choose another path.',
    cause,
  )

export const readOnlyHere = (path: string) =>
  aboutFiles(
    'FILE_DENIED',
    (named) => `${named(path)} is in a copy that is read-only here; nothing was written`,
    'Write into the workspace instead, with another path.',
  )

export const fileUnreadable = (path: string, reason: string, cause?: unknown) =>
  aboutFiles(
    'FILE_DENIED',
    (named) => `${named(path)} could not be read: ${reason}`,
    'Check the permissions with exec (ls -ld), or choose another path.',
    cause,
  )

export const sameFileTwice = (path: string, other: string) =>
  aboutFiles(
    'ARGUMENT_INVALID',
    (named) => `${named(path)} and ${named(other)} are the same file; nothing was written`,
    'Change each file once per call, with all its changes together.',
  )

export const workspaceBusy = (afterMs: number) =>
  new SandboxError(
    'FILE_DENIED',
    `another process kept the workspace locked for ${Math.round(afterMs / 1000)} s; nothing was written`,
    'Call again.',
  )

export const editNoMatch = (message: string, hint: string) =>
  new SandboxError('EDIT_NO_MATCH', message, hint)

/** Every file of a patch that cannot be changed as asked, each with its own reason. */
export const patchFailed = (
  failures: readonly { readonly path: string; readonly error: SandboxError }[],
  files: number,
) => {
  const [first] = failures
  if (first === undefined) throw new Error('a patch without failures did not fail')
  // What a chunk does not fit is told without the path; all other errors name it.
  const reasons = failures.map(({ path, error: { code, message } }) =>
    code === 'EDIT_NO_MATCH' ? `${path}: ${message}` : message.replace('; nothing was written', ''),
  )
  const header = `nothing was written; ${failures.length} of ${files} files cannot be changed as the patch asks:`
  const hints = new Set(failures.map(({ error }) => error.hint))
  return new SandboxError(
    first.error.code,
    files === 1 ? reasons.join('\n') : [header, ...reasons].join('\n'),
    hints.size === 1 ? first.error.hint : 'Correct these parts and send the whole patch again.',
    first.error,
  )
}

export const patchInvalid = (message: string, hint: string) =>
  new SandboxError('PATCH_INVALID', message, hint)
