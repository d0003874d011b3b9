/** The shortcuts that a tree asks for in place of a script (`sandbox-tree-perl.ts`). */
import type { Shortcut } from '../scripts/script.ts'
import type { Change, TreePath } from '../tree.ts'
import { lockName } from './sandbox-lock-script.ts'
import type { ReadPlan } from './sandbox-scripts.ts'
import { temporaryName } from './temporary-name.ts'

/** What is larger is streamed by a script. */
const shortcutLimitBytes = 1024 * 1024

/** Does what `readScript` does, and prints what it prints. */
export function readShortcut(
  root: string,
  path: TreePath,
  { limitBytes, range }: ReadPlan,
): Shortcut | undefined {
  const read = (start: number, end: number) =>
    shortcut('read_file', root, path, `${start}`, `${end - start}`, `${shortcutLimitBytes}`)
  if (range === undefined) return read(0, limitBytes + 1)
  const { offset, length, block } = range
  if (length > limitBytes || length === 0) return undefined
  return read(offset - (offset % block), Math.ceil((offset + length) / block) * block)
}

/** Does what `readManyScript` does, and prints what it prints. */
export function readManyShortcut(
  root: string,
  paths: readonly string[],
  token: string,
  bytes: number,
): Shortcut {
  return ['read_files', root, token, `${bytes}`, ...paths]
}

/** Does what `statScript` does, and prints what it prints. */
export function statShortcut(root: string, path: TreePath): Shortcut {
  return shortcut('stat_entry', root, path)
}

/** Does what `listScript` does, and prints what it prints, but for the date in words. */
export function listShortcut(root: string, path: TreePath): Shortcut {
  return shortcut('list_directory', root, path)
}

/** Does what `applyScript` does with one change, of the file's content; as there, the new bytes are the stdin. */
export function replaceShortcut(
  root: string,
  changes: readonly Change[],
  lock = '',
  compare = false,
): Shortcut | undefined {
  const [change] = changes
  if (change === undefined || changes.length > 1 || change.after === 'absent') return undefined
  const { path, before, after } = change
  const expected = typeof before === 'string' ? before : before.digest
  return shortcut(
    'replace_file',
    root,
    path,
    expected,
    after.executable ? '1' : '',
    compare ? '1' : '',
    lockName(root, lock),
    temporaryName(),
  )
}

const shortcut = (name: string, root: string, path: string, ...more: string[]): Shortcut => [
  name,
  root,
  path,
  ...more,
]
