/** What the scripts' exit codes and details mean for a path in a tree. */
import { commandUncertain } from '../errors.ts'
import {
  fileDenied,
  fileExists,
  fileNotFound,
  fileStale,
  fileTooLarge,
  fileUnreadable,
  notADirectory,
  notAFile,
  pathOutside,
  sameFileTwice,
  workspaceBusy,
} from '../file-errors.ts'
import { readLimitBytes } from '../tree.ts'
import { type UsedUp, usedUp } from '../used-up.ts'
import { deniedReasons, exits } from './sandbox-scripts.ts'

/** What a script that failed left behind. */
export interface Told {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Of a script that reads its requests from a stream which has ended, and of what HUP, PIPE, TERM or KILL ended. */
const endedFromOutside = [128, 129, 141, 143, 137]

/** Whether a script was ended by somebody, and its code says nothing about files: what it did before is not known. */
export const wasEnded = (code: number): boolean => endedFromOutside.includes(code)

/** What to throw when a script that reads `path` failed. */
export function readFailed(path: string, { code, stdout, stderr }: Told): Error {
  const detail = stdout.slice(stdout.indexOf(' ') + 1)
  const cause = new Error(`exit ${code}: ${stderr.trim()}`)
  const lacking = usedUp(code, stderr)
  switch (code) {
    case exits.outside:
      return pathOutside(path)
    case exits.missing:
    case exits.circle:
    case exits.noRoot:
      return fileNotFound(path)
    case exits.notFile:
      return notAFile(path, kindName(detail))
    case exits.notDirectory:
      return notADirectory(fromRoot(detail) || path)
    case exits.tooLarge:
      return fileTooLarge(path, Number(detail), readLimitBytes)
    default:
      return fileUnreadable(path, reason(code, detail, lacking), cause, lacking?.hint)
  }
}

/** What to throw when a script that changes `paths`, in that order, failed. */
export function writeFailed(paths: readonly string[], { code, stdout, stderr }: Told): Error {
  const [first = '', ...words] = stdout.split(' ')
  const named = (index: string) => paths[Number(index)] ?? paths[0] ?? ''
  const path = named(first)
  const detail = words.join(' ')
  const cause = new Error(`exit ${code}: ${stderr.trim()}`)
  const lacking = usedUp(code, stderr)
  if (wasEnded(code)) {
    return commandUncertain(
      `what changes files in the sandbox was ended there (exit code ${code})`,
      'Read the files that it was to change before you call again; when it stays like this, see what there ends processes (memory).',
    )
  }
  switch (code) {
    case exits.outside:
      return pathOutside(path)
    case exits.notFile:
      return notAFile(path, kindName(detail))
    case exits.notDirectory:
      return notADirectory(fromRoot(detail) || path)
    case exits.stale:
      return fileStale([first, ...words].filter((word) => word !== '').map(named))
    case exits.exists:
      return fileExists(path)
    case exits.twice:
      return sameFileTwice(named(detail), path)
    case exits.busy:
      return workspaceBusy(10_000)
    case exits.circle:
      return fileDenied(path, 'its links lead in a circle', cause)
    case exits.missing:
      return fileDenied(path, 'a part of its path is missing', cause)
    case exits.noRoot:
      return fileDenied(path, 'the workspace directory is gone', cause)
    case exits.cutShort:
      return fileDenied(path, 'its content did not arrive whole', cause)
    default:
      return fileDenied(path, reason(code, detail, lacking), cause, lacking?.hint)
  }
}

function reason(code: number, detail: string, lacking: UsedUp | undefined): string {
  if (code === exits.denied && deniedReasons[detail] !== undefined) return deniedReasons[detail]
  if (code === 127) return 'the sandbox lacks a tool that is needed for it'
  return lacking?.reason ?? `the script in the sandbox ended with ${code}`
}

/** As a path in the tree. */
function fromRoot(detail: string): string {
  return detail.replace(/^\/+/, '')
}

/** From the raw mode in hexadecimal. */
function kindName(mode: string): string {
  switch (Number.parseInt(mode, 16) & 0o170000) {
    case 0o040000:
      return 'a directory'
    case 0o010000:
      return 'a FIFO'
    case 0o140000:
      return 'a socket'
    default:
      return 'a device'
  }
}
