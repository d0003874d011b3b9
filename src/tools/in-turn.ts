/**
 * Changes that are computed from what a file holds. Calls of this process on one file take turns;
 * against everybody else a change relies on the digest it read, and is computed again when stale.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelled, isSandboxError } from '../errors.ts'
import type { Tree, TreePath } from '../tree.ts'

/** Bounds the work when something else rewrites the file all the time. */
const attemptLimit = 40
/** The first attempts follow at once; later ones wait up to this, so that many who race all get a turn. */
const longestPauseMs = 40

const turns = new WeakMap<Tree, Map<TreePath, Promise<void>>>()

/**
 * Runs `change` once no earlier call for any of `paths` is running, and again while it fails with
 * `FILE_STALE`, up to a limit; then that error is thrown. `what` names the call if it is cancelled.
 */
export function inTurn<T>(
  tree: Tree,
  paths: readonly TreePath[],
  what: string,
  signal: AbortSignal,
  change: () => Promise<T>,
): Promise<T> {
  const last = turns.get(tree) ?? new Map<TreePath, Promise<void>>()
  turns.set(tree, last)

  // All paths are taken in one step, so two calls can never wait for each other.
  const earlier = Promise.all(paths.map((path) => last.get(path)))
  const result = earlier.then(() => untilFresh(what, signal, change))
  const over = result.then(
    () => {},
    () => {},
  )
  for (const path of paths) last.set(path, over)
  void over.then(() => {
    for (const path of paths) if (last.get(path) === over) last.delete(path)
  })
  return result
}

async function untilFresh<T>(
  what: string,
  signal: AbortSignal,
  change: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    if (signal.aborted) throw cancelled(what)
    try {
      return await change()
    } catch (error) {
      if (attempt === attemptLimit || !isSandboxError(error, 'FILE_STALE')) throw error
      if (attempt > 2) await sleep(Math.random() * Math.min(2 ** attempt, longestPauseMs))
    }
  }
}
