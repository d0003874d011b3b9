/** What runs a session's own scripts in the sandbox that it used last. */

import { attendedScripts } from './attended-scripts.ts'
import type { Guard } from './guard/guard.ts'
import { Attendant } from './scripts/attendant.ts'
import type { Ahead, Alone, Foretold, Scripts } from './scripts/script.ts'
import { recentShortcuts } from './sync/sandbox/recent-shortcut.ts'
import { treeShortcuts } from './trees/sandbox-tree-perl.ts'

/** Two attendants, so that no tool's call on a file waits for a look at all of the workspace. They end with the guard's session. */
export class SessionScripts {
  #ofTrees: Attendant | undefined
  #syncing: Attendant | undefined

  /** For the scripts of trees. */
  trees(guard: Guard): Attendant {
    if (this.#ofTrees?.guard !== guard) this.#ofTrees = new Attendant(guard, treeShortcuts)
    return this.#ofTrees
  }

  /** For those that keep the workspace in step; the first one is asked `alone`. */
  syncing(guard: Guard, alone?: Alone): Scripts {
    if (this.#syncing?.guard !== guard) this.#syncing = new Attendant(guard, recentShortcuts)
    return attendedScripts(this.#syncing, alone)
  }

  /** As `Attendant.ahead`, of the attendant that keeps the workspace in step. */
  ahead(guard: Guard, foretold: Foretold, group: number): Ahead | undefined {
    return this.#syncing?.guard === guard ? this.#syncing.ahead(foretold, group) : undefined
  }
}
