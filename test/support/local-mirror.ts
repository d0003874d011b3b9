import { Mirror } from '../../src/sync/mirror.ts'
import type { MirrorOptions } from '../../src/sync/mirror-options.ts'

/** The mirror of a server that has just been started, with the root of a sandbox, and nothing left out. */
export function newMirror(
  host: string,
  ancestorFile: string,
  options: Partial<MirrorOptions> = {},
): Mirror {
  return new Mirror({
    host,
    owner: undefined,
    root: ({ root }) => root,
    ignore: [],
    gitignore: false,
    ancestorFile,
    ...options,
  })
}
