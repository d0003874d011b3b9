/** Directories inside a sandbox as settings name them. Pure. */
import { posix } from 'node:path'

/** The one spelling of a path that commands, tools and scripts compare: `/sandbox//x/../y/` is `/sandbox/y`. */
export function cleanRoot(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1')
}
