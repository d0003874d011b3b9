/** What the host's errno values mean for a path in a tree. Host paths never reach a message. */
import type { Stats } from 'node:fs'
import { isSandboxError } from '../errors.ts'
import {
  fileDenied,
  fileNotFound,
  fileUnreadable,
  notADirectory,
  notAFile,
} from '../file-errors.ts'

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it is too large for the file system',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle',
  ENOENT: 'a part of its path is missing',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EBUSY: 'it is in use by the system',
  EIO: 'the disk reported an error',
}

/** What an errno that the disk answered with means, in words. */
export function deniedReason(code: string): string {
  return reasons[code] ?? code
}

/** An error with an errno that no system call of ours returned. */
export function errno(code: 'ELOOP' | 'ENOENT'): Error {
  return Object.assign(new Error(code), { code })
}

/** The errno's name, or undefined for what no system call threw. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined
}

/** What to throw when reading failed. Errors of ours and programmer mistakes pass through. */
export function readFailure(path: string, error: unknown): unknown {
  const code = errnoOf(error)
  if (isSandboxError(error) || code === undefined) return error
  if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENAMETOOLONG') return fileNotFound(path)
  if (code === 'ENOTDIR') return notADirectory(path)
  return fileUnreadable(path, reasons[code] ?? code, error)
}

/** What to throw when writing failed. Errors of ours and programmer mistakes pass through. */
export function writeFailure(path: string, error: unknown): unknown {
  const code = errnoOf(error)
  if (isSandboxError(error) || code === undefined) return error
  if (code === 'EISDIR') return notAFile(path, 'a directory')
  if (code === 'ENOTDIR') return notADirectory(path)
  return fileDenied(path, reasons[code] ?? code, error)
}

/** How `notAFile` names what is there instead of a file. */
export function kindName(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isSymbolicLink()) return 'a link'
  return 'a device'
}
