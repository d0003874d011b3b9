/** What is done with a file of ours that cannot be read: kept, out of the way. */
import { linkSync, unlinkSync } from 'node:fs'

/** Nobody keeps more of them than this; the last name is then taken again. */
const mostNames = 1_000

/**
 * Gives the file a name beside it that no other has, `.damaged` or `.damaged-2` and so on, and tells
 * which. Throws what the system says where it cannot, `ENOENT` when another process was first.
 */
export function setAside(path: string): string {
  for (let count = 1; ; count++) {
    const aside = `${path}.damaged${count === 1 ? '' : `-${count}`}`
    try {
      // Unlike a rename, a link never takes the place of what is kept already.
      linkSync(path, aside)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (count < mostNames) continue
      unlinkSync(aside)
      linkSync(path, aside)
    }
    unlinkSync(path)
    return aside
  }
}
