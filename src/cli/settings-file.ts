/** Files of settings as the host has them: no longer than settings are, and never waited for without end. */
import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { shown } from '../errors.ts'
import { isIn } from '../sessions/workspace-directory.ts'

/** As much as OpenClaw reads of a file that another one includes. */
const mostBytes = 2 * 1024 * 1024
/** For somebody to write into a pipe, and between two pieces. */
const usualPatienceMs = 10_000
const pauseMs = 10

/** What was read from pipes, which say it once only; a command may need its settings for each agent. */
const fromPipes = new Map<string, string>()

/**
 * A `ReadFile`. With `roots`, as OpenClaw includes files: a plain file with one name, in one of them after all links.
 * Of a pipe all that is written into it, unless nothing comes for `patienceMs`.
 */
export function readSettings(
  path: string,
  roots?: readonly string[],
  patienceMs: number = usualPatienceMs,
): string | undefined {
  const known = fromPipes.get(path)
  if (known !== undefined) return known
  const file = open(path, roots)
  if (file === undefined) return undefined
  try {
    const stats = fstatSync(file)
    if (roots !== undefined && !stats.isFile()) throw new Error('it is no plain file')
    if (roots !== undefined && stats.nlink > 1)
      throw new Error('it is a hard link, which another name changes too; make it a copy')
    const text = textOf(allOf(file, stats.isFIFO(), patienceMs))
    if (!stats.isFile()) fromPipes.set(path, text)
    return text
  } finally {
    closeSync(file)
  }
}

/** Undefined where there is none. */
function open(path: string, roots: readonly string[] | undefined): number | undefined {
  try {
    const real = roots === undefined ? path : realPathIn(path, roots)
    // A pipe that nobody writes to would be waited for without end.
    return openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function realPathIn(path: string, roots: readonly string[]): string {
  const real = realpathSync(path)
  if (roots.some((root) => isIn(real, realRoot(root)))) return real
  throw new Error(
    `it leads to ${shown(real)}, outside of ${roots.map(shown).join(' and ')}; put the file itself there, or name its directory in OPENCLAW_INCLUDE_ROOTS`,
  )
}

function realRoot(root: string): string {
  try {
    return realpathSync(root)
  } catch {
    return root
  }
}

function allOf(file: number, isPipe: boolean, patienceMs: number): Buffer {
  const pieces: Buffer[] = []
  let size = 0
  let since = performance.now()
  for (;;) {
    const piece = Buffer.alloc(65_536)
    const length = readSome(file, piece)
    if (length === undefined || (length === 0 && isPipe && size === 0)) {
      if (performance.now() - since >= patienceMs)
        throw new Error(`nothing came from it for ${patienceMs / 1000} s`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
      continue
    }
    if (length === 0) return Buffer.concat(pieces)
    since = performance.now()
    size += length
    if (size > mostBytes) throw new Error(`it has more than ${mostBytes / 1024 ** 2} MiB`)
    pieces.push(piece.subarray(0, length))
  }
}

/** Undefined where more may come later. */
function readSome(file: number, piece: Buffer): number | undefined {
  try {
    return readSync(file, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('it is not in UTF-8; save it as that')
  return bytes.toString('utf8')
}
