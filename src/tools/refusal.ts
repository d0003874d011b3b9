/** Errors that say something about one file, and not about the whole call. */
import { type ErrorCode, isSandboxError, type SandboxError } from '../errors.ts'

const codes: readonly ErrorCode[] = [
  'ARGUMENT_INVALID',
  'PATH_OUTSIDE',
  'FILE_NOT_FOUND',
  'NOT_A_FILE',
  'FILE_TOO_LARGE',
  'FILE_BINARY',
  'FILE_EXISTS',
  'FILE_DENIED',
  'EDIT_NO_MATCH',
]

/** True for an error that a patch tells beside those of its other files. */
export function isRefusal(error: unknown): error is SandboxError {
  return isSandboxError(error) && codes.includes(error.code)
}
