/** What the resources need to see of a workspace's files, wherever these are, without reading them. */
import type { OpenContext } from '../sandbox.ts'
import type { Tree, TreePath } from '../tree.ts'

/** A name in a directory. */
export interface Named {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'link'
  /** The name as bytes, and a `/` after a directory's: paths made of these sort as git sorts. */
  readonly key: string
}

export interface FileFacts {
  readonly size: number
  readonly modifiedMs: number
}

/** What is at a path: two equal signatures are the same thing in the same state. */
export interface Look {
  readonly signature: string
  readonly kind: 'file' | 'directory' | 'other' | 'absent' | 'refused'
  /** It changed just now: another change could leave the same signature. */
  readonly unsettled: boolean
}

/** The coarsest clock that file systems stamp changes with. */
export const clockTickMs = 2_000

/** What a path leads to, links followed as a `Tree` follows them; `other` also where that is refused. */
export type KindAt = 'file' | 'directory' | 'other' | 'absent'

export interface Sight {
  /** Whether something can be seen at once. */
  readonly isReady: boolean
  /** Resolves when something can be seen; opens the sandbox if it is there. Rejects as opening does. */
  ready(context: OpenContext): Promise<void>
  /**
   * Files, directories and links in `path`, sorted by `key`; without `.git` and our own temporary
   * files, and names that are not UTF-8. Fails as `Tree.list` does.
   */
  names(path: TreePath): Promise<readonly Named[]>
  /** What the paths lead to, in their order. */
  kinds(paths: readonly TreePath[]): Promise<readonly KindAt[]>
  /** For one listing of `tree`, which this is the sight of. */
  walk(tree: Tree): SightWalk
  /** `listing` is for directories, whose changes are told less urgently than those of files. */
  watch(what: 'files' | 'listing', onChange: OnChange, times?: WatchTimes): Watch
}

/** Looks at a tree directory by directory, none of which is reached through a link. */
export interface SightWalk extends Pick<Tree, 'read'> {
  /** These are asked for next, in their order, and then what was expected before. Taken as needed. */
  expect(directories: Iterator<TreePath>): void
  names(path: TreePath): Promise<readonly Named[]>
  /**
   * Size and time of the files among `names` in `path`: those that are files, and those that links lead to.
   * What is something else by now is not in it, and nothing is where there is no such directory.
   */
  files(path: TreePath, names: readonly Named[]): Promise<ReadonlyMap<string, FileFacts>>
  /** Lets go of what it holds; the listing is over. */
  close(): void
}

/**
 * `certain`: it is not what it was. Otherwise it looks the same, but it had changed so shortly before
 * the last look that a second change would not show.
 */
export type OnChange = (path: TreePath, certain: boolean) => void

export interface WatchTimes {
  /** Between looks at everything. */
  readonly pollMs: number
  /** From a hint to the look: what comes meanwhile is seen with it. */
  readonly hintMs: number
}

/** Notices when what is at a path changes, whoever changed it. */
export interface Watch {
  /** Directories that are listened at. */
  readonly listeners: number
  /**
   * Watches what is at `path`, or will be. The next look is told as uncertain if it finds the same.
   * Resolves when it has been looked at; never rejects.
   */
  add(path: TreePath): Promise<void>
  delete(path: TreePath): void
  /** Everything, soon: somebody knows that something may have changed. */
  checkSoon(): void
  /** Ends all watching and every timer. */
  close(): void
}
