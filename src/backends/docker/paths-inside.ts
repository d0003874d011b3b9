/** Absolute paths inside a sandbox, which are POSIX paths wherever the server runs. Pure. */
import { posix } from 'node:path'

/**
 * The path without doubled and trailing slashes; undefined when it is not absolute, climbs with `..`,
 * or holds a colon or a control character, which no engine passes on as they are.
 */
export function cleanPath(path: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!path.startsWith('/') || /[\u0000-\u001f\u007f:]/.test(path)) return undefined
  if (path.split('/').includes('..')) return undefined
  return posix.normalize(path).replace(/(?<=.)\/$/, '')
}

/** True when `path` is `directory` or below it, by whole components. */
export function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}
