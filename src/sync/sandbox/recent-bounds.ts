/** Of how much a look at what is recent may be, and when it is shared by two. */
import { inSlices, Pace, type Steps } from '../slices.ts'

/** So many paths are asked about by name, in a script of no more than so many bytes; else all is listed. */
const fewPaths = 200
const fewBytes = 64 * 1024
/** How much a sandbox must hold to be looked at by two at once, and how much there may be at the top, which they share. */
const largeSandbox = 3_000
const mostHalved = 500

/** Whether two that look at half of what is at the top each are done sooner than one, of a sandbox that holds `paths`. */
function* worthHalves(paths: ReadonlyMap<string, unknown>): Steps<boolean> {
  if (paths.size < largeSandbox) return false
  const pace = new Pace()
  const [top, directories] = [new Set<string>(), new Set<string>()]
  let directory = '/'
  for (const path of paths.keys()) {
    if (pace.isDue) yield
    // What is in a directory is often told together.
    if (path.startsWith(directory)) continue
    const end = path.indexOf('/') + 1
    if (end > 0) {
      directory = path.slice(0, end)
      directories.add(directory)
    }
    top.add(end > 0 ? path.slice(0, end - 1) : path)
    if (top.size > mostHalved) return false
  }
  return directories.size > 1
}

/** The same, worked out again when there are more paths than the last time, or fewer. */
export class Halves {
  #paths = 0
  #areWorth = false

  async areWorth(
    paths: ReadonlyMap<string, unknown>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { size } = paths
    if (size !== this.#paths) {
      this.#areWorth = await inSlices(worthHalves(paths), signal)
      this.#paths = size
    }
    return this.#areWorth
  }
}

/** Whether what is recent may be asked about so many paths. */
export function areFew(paths: readonly string[]): boolean {
  // Each may take four times its length when it is quoted.
  const bytes = () => paths.reduce((sum, path) => sum + 4 * Buffer.byteLength(path), 0)
  return paths.length <= fewPaths && bytes() <= fewBytes
}
