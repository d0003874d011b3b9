/** The tool `apply_patch`: one patch over any number of files, all or none. */
import { z } from 'zod'
import { patchInvalid } from '../file-errors.ts'
import type { Tree, TreePath } from '../tree.ts'
import { parsePatch } from './apply-patch/parse.ts'
import { type FileOutcome, type Plan, planPatch } from './apply-patch/plan.ts'
import { locateTargets, type Target } from './apply-patch/targets.ts'
import { inTurn } from './in-turn.ts'
import { isOutdated } from './text-file.ts'
import { defineTool, openContext, text } from './tool.ts'

const input = z.strictObject({ input: z.string().describe('The whole patch') })

const output = z.strictObject({
  files: z.array(
    z.strictObject({
      path: z.string(),
      action: z.enum(['added', 'modified', 'deleted', 'renamed']),
      from: z.string().optional(),
    }),
  ),
})

const description = `Adds, updates, moves and deletes files by one patch, all or none.

*** Begin Patch
*** Add File: notes.txt
+every line starts with +
*** Update File: src/app.py
*** Move to: src/main.py
@@ def greet():
     name = ask()
-    print("Hi")
+    print("Hello")
*** Delete File: old.txt
*** End Patch

"*** Move to" is optional. A chunk starts with @@, alone or with a line (a function or class) that comes before it; stack @@ lines to go deeper. Its lines start with a space (context, kept), - (removed) or + (added). Give about 3 lines of context: old lines must fit exactly one place. Chunks are in file order; "*** End of File" after one ties it to the end of the file. No line numbers. Added and move targets must not exist, unless the patch deletes them before.`

/**
 * Locates every chunk of every file, then writes all of them or none. Files that change meanwhile are
 * read again and the patch is planned anew.
 */
export const applyPatch = defineTool({
  name: 'apply_patch',
  title: 'Apply a patch',
  description,
  input,
  output,
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: false,
    openWorldHint: false,
  },
  async run({ input: patch }, call) {
    const { session, signal } = call
    if (!patch.isWellFormed() || patch.includes('\0')) {
      throw patchInvalid(
        'the patch holds a NUL character or half of a surrogate pair',
        'Give plain text; for binary content use exec.',
      )
    }
    const locate = (path: string) => session.locate(path, openContext(call))
    const { tree, paths, targets } = await locateTargets(parsePatch(patch), locate)
    const carryOut = async ({ changes, files }: Plan) => {
      if (changes.length > 0) await tree.apply(changes, signal)
      return { content: text(summary(files)), facts: { files: [...files] } }
    }
    return inTurn(tree, paths, 'apply_patch', signal, async () => {
      try {
        const assumed = await assumedPlan(targets, tree, signal)
        if (assumed !== undefined) return await carryOut(assumed)
      } catch (error) {
        if (!isOutdated(error)) throw error
      }
      return carryOut(await planPatch(targets, signal))
    })
  },
})

/**
 * A plan that need not hold: made from what the tree recalls of files, and as if nothing were where something is to be made.
 * Undefined where there is nothing to assume, or where carrying it out would not check all that is.
 */
async function assumedPlan(
  targets: readonly Target[],
  tree: Tree,
  signal: AbortSignal,
): Promise<Plan | undefined> {
  const isAssumed = ({ operation, file, moveTo }: Target) =>
    operation.kind === 'add' || moveTo !== undefined || tree.recall?.(file.path) !== undefined
  if (tree.recall === undefined || !targets.some(isAssumed)) return undefined
  const assumed = new Set<TreePath>()
  const plan = await planPatch(targets, signal, {
    content({ path }) {
      const bytes = tree.recall?.(path)
      if (bytes !== undefined) assumed.add(path)
      return bytes
    },
    isAbsent({ path }) {
      assumed.add(path)
      return true
    },
  })
  for (const { path } of plan.changes) assumed.delete(path)
  return assumed.size === 0 ? plan : undefined
}

function summary(files: readonly FileOutcome[]): string {
  if (files.length === 0) return 'Nothing changed: the files are already as the patch leaves them.'
  return ['Success. Updated the following files:', ...files.map(summaryLine)].join('\n')
}

function summaryLine({ path, action, from }: FileOutcome): string {
  if (action === 'renamed') return `R ${from} -> ${path}`
  return `${{ added: 'A', modified: 'M', deleted: 'D' }[action]} ${path}`
}
