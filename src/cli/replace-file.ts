/** A file of the user's is replaced whole, and a copy of what was there is kept. */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { configInvalid, shown } from '../errors.ts'

/**
 * Writes `text` where `before` was, undefined for no file. A link stays one. Returns the path of the copy.
 * `CONFIG_INVALID` when somebody else changed it in between, and when it cannot be written.
 */
export function replaceFile(
  path: string,
  before: string | undefined,
  text: string,
): string | undefined {
  try {
    if (before === undefined) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
      return undefined
    }
    const real = realpathSync(path)
    const mode = statSync(real).mode & 0o777
    const stamp = new Date().toISOString().replaceAll(/[-:.Z]/g, '')
    const copy = `${real}.before-sandbox-mcp-${stamp}`
    copyFileSync(real, copy, constants.COPYFILE_EXCL)
    chmodSync(copy, mode)
    const temporary = `${real}.${process.pid}.tmp`
    const file = openSync(temporary, 'wx', mode)
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    chmodSync(temporary, mode)
    if (readFileSync(real, 'utf8') !== before) {
      rmSync(temporary)
      rmSync(copy)
      throw new Error('another program changed it just now')
    }
    renameSync(temporary, real)
    return copy
  } catch (error) {
    throw configInvalid(
      `${shown(path)} was not changed: ${(error as Error).message}`,
      'Try again, or put the snippet into it by hand: leave --write out to see it.',
    )
  }
}
