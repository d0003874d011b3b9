import { readFileSync } from 'node:fs'
import { configInvalid, shown } from '../errors.ts'

/** Undefined when there is no such file. */
export function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The same; `CONFIG_INVALID` with `hint` for one that cannot be read. */
export function readFileOrRefuse(path: string, hint: string): string | undefined {
  try {
    return readFile(path)
  } catch (error) {
    throw configInvalid(`${shown(path)} cannot be read: ${(error as Error).message}`, hint)
  }
}
