/** Of how much a look at what is recent may be, and when it is shared by two. */
import { Pace, type Steps } from './slices.ts'

/** So many paths are asked about by name, in a script of no more than so many bytes; else all is listed. */
const fewPaths = 200
const fewBytes = 64 * 1024
/** How much a sandbox must hold to be looked at by two at once, and how much there may be at the top, which they share. */
const largeSandbox = 3_000
const mostHalved = 500

/** Whether two that look at half of what is at the top each are done sooner than one. */
export function* worthHalves(lines: ReadonlyMap<string, string>): Steps<boolean> {
  if (lines.size < largeSandbox) return false
  const pace = new Pace()
  let [entries, directories] = [0, 0]
  for (const [path, line] of lines) {
    if (pace.isDue) yield
    if (path.includes('/')) continue
    entries += 1
    if (line.startsWith('d ')) directories += 1
  }
  return directories > 1 && entries <= mostHalved
}

/** Whether what is recent may be asked about so many paths. */
export function areFew(paths: readonly string[]): boolean {
  // Each may take four times its length when it is quoted.
  const bytes = () => paths.reduce((sum, path) => sum + 4 * Buffer.byteLength(path), 0)
  return paths.length <= fewPaths && bytes() <= fewBytes
}
