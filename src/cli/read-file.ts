import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import type { ReadFile } from '../config/find-file.ts'
import { configInvalid, shown } from '../errors.ts'

/** Undefined when there is no such file. Throws for one that is not UTF-8, of which letters would be lost. */
function readFile(path: string): string | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (!isUtf8(bytes)) throw new Error('it is not in UTF-8; save it as that')
  return bytes.toString('utf8')
}

/** What `read` tells; `CONFIG_INVALID` with `hint` for a file that cannot be read. */
export function readFileOrRefuse(
  path: string,
  hint: string,
  read: ReadFile = readFile,
): string | undefined {
  try {
    return read(path)
  } catch (error) {
    throw configInvalid(`${shown(path)} cannot be read: ${(error as Error).message}`, hint)
  }
}
