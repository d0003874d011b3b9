/** A host tree that somebody else writes to at the worst moment: after the read, before the write. */
import type { Change } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'

export class RacedTree extends HostTree {
  #left: number
  readonly #race: () => void

  /** Runs `race` before each of the first `times` applies. */
  constructor(root: string, times: number, race: () => void) {
    super({ root, owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } })
    this.#left = times
    this.#race = race
  }

  override async apply(changes: readonly Change[], signal?: AbortSignal): Promise<void> {
    if (this.#left > 0) {
      this.#left -= 1
      this.#race()
    }
    await super.apply(changes, signal)
  }
}
