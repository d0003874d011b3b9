/** Which files a patch means, before any of them is read. */
import { type SandboxError, shown } from '../../errors.ts'
import { patchFailed, patchInvalid } from '../../file-errors.ts'
import type { Tree, TreePath } from '../../tree.ts'
import { Turn } from '../../turn.ts'
import type { Located } from '../../workspace.ts'
import { isRefusal } from '../refusal.ts'
import type { Operation } from './parse.ts'

export interface Target {
  readonly operation: Operation
  readonly file: Located
  /** Another place than `file`. */
  readonly moveTo?: Located
}

export interface Targets {
  readonly tree: Tree
  /** Every path once. */
  readonly paths: readonly TreePath[]
  readonly targets: readonly Target[]
}

/**
 * Locates all paths. Tells every path that is refused at once; `PATCH_INVALID` when they do not lie
 * in one tree, because only one tree can write all of them or none.
 */
export async function locateTargets(
  operations: readonly Operation[],
  locateOne: (path: string) => Promise<Located>,
): Promise<Targets> {
  const failures: { path: string; error: SandboxError }[] = []
  const located: Located[] = []
  const locate = async (path: string): Promise<Located | undefined> => {
    try {
      const found = await locateOne(path)
      located.push(found)
      return found
    } catch (error) {
      if (!isRefusal(error)) throw error
      failures.push({ path, error })
      return undefined
    }
  }
  const targets: Target[] = []
  const turn = new Turn()
  for (const operation of operations) {
    await turn.share()
    const file = await locate(operation.path)
    const wanted = operation.kind === 'update' ? operation.moveTo : undefined
    const moveTo = wanted === undefined ? undefined : await locate(wanted)
    if (file === undefined) continue
    const moves = moveTo !== undefined && moveTo.path !== file.path
    targets.push({ operation, file, ...(moves ? { moveTo } : {}) })
  }
  const count = located.length + failures.length
  if (failures.length > 0) throw patchFailed(failures, count)

  const [first] = located
  if (first === undefined) throw new Error('a parsed patch has an operation')
  const elsewhere = located.find(({ tree }) => tree !== first.tree)
  if (elsewhere !== undefined) {
    throw patchInvalid(
      `${shown(first.shown)} and ${shown(elsewhere.shown)} do not lie in the same tree, so they cannot be changed all or none`,
      'Send one patch for the files of the workspace and another one for the other files of the sandbox.',
    )
  }
  return { tree: first.tree, paths: [...new Set(located.map(({ path }) => path))], targets }
}
