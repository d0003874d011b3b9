/**
 * The hostile paths, and every operation of a tree against each. A row says whether joining its
 * path to the root and opening it would get out; that is tried too, so the table proves itself.
 */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isSandboxError } from '../../src/errors.ts'
import { type Change, type Tree, treePath } from '../../src/tree.ts'

interface Row {
  readonly name: string
  /** `d/` makes a directory, `l => target` a link, in the root; $BASE and $ROOT are filled in. */
  readonly layout: readonly string[]
  readonly path: string
  /** Whether naive code gets out. */
  readonly escapes: boolean
  /** What is thrown, where it is not PATH_OUTSIDE. */
  readonly codes?: readonly string[]
}

const escapes = true
const rows: readonly Row[] = [
  { name: 'dot-dot', layout: [], path: '../out/secret', escapes },
  { name: 'dot-dot after a directory', layout: ['d/'], path: 'd/../../out/secret', escapes },
  { name: 'dot-dot to a new file', layout: [], path: '../out/new', escapes },
  { name: 'a sibling with the same prefix', layout: [], path: '../ws-evil/secret', escapes },
  { name: 'an absolute path', layout: [], path: '$BASE/out/secret', escapes: false },
  { name: 'a link to a file', layout: ['l => ../out/secret'], path: 'l', escapes },
  { name: 'a link to a directory', layout: ['d => ../out'], path: 'd/secret', escapes },
  { name: 'a link to the directory itself', layout: ['d => ../out'], path: 'd', escapes: false },
  { name: 'a chain', layout: ['a => b', 'b => c', 'c => ../out'], path: 'a/secret', escapes },
  { name: 'a chain to the parent', layout: ['a => b', 'b => ..'], path: 'a/out/secret', escapes },
  { name: 'an absolute link', layout: ['l => $BASE/out/secret'], path: 'l', escapes },
  { name: 'a link to the sibling', layout: ['l => ../ws-evil/secret'], path: 'l', escapes },
  { name: 'an absolute link to it', layout: ['l => $ROOT-evil/secret'], path: 'l', escapes },
  { name: 'the root and up', layout: ['l => $ROOT/../out/secret'], path: 'l', escapes },
  { name: 'a link to nothing yet', layout: ['l => ../out/new'], path: 'l', escapes },
  { name: 'an absolute one', layout: ['l => $BASE/out/new'], path: 'l', escapes },
  { name: 'a link into nothing yet', layout: ['l => ../none/new'], path: 'l', escapes: false },
  { name: 'a parent link, new leaf', layout: ['d => $BASE/out'], path: 'd/new/leaf', escapes },
  { name: 'a link in the middle', layout: ['s/', 's/m => ../../out'], path: 's/m/secret', escapes },
  { name: 'nothing, then up', layout: ['l => no/../../out/secret'], path: 'l', escapes: false },
  { name: 'out and back', layout: ['f/', 'l => ../ws/f/x'], path: 'l', escapes: false },
  {
    name: '/proc/self/root',
    layout: ['l => /proc/self/root$BASE/out/secret'],
    path: 'l',
    escapes: process.platform === 'linux',
  },
  {
    name: '/proc/self/root as a directory',
    layout: ['p => /proc/self/root'],
    path: 'p$BASE/out/secret',
    escapes: process.platform === 'linux',
  },
  {
    name: 'the name the sandbox has for the root, and up',
    layout: ['l => /workspace/../$BASE/out/secret'],
    path: 'l',
    escapes: false,
  },
  { name: 'its sibling', layout: ['l => /workspace-evil/x'], path: 'l', escapes: false },
  {
    name: 'a loop',
    layout: ['l => l'],
    path: 'l',
    escapes: false,
    codes: ['FILE_NOT_FOUND', 'FILE_DENIED'],
  },
  { name: 'a NUL', layout: [], path: 'a\0/../out', escapes: false, codes: ['ARGUMENT_INVALID'] },
]

const operations: Readonly<Record<string, (tree: Tree, path: string) => Promise<unknown>>> = {
  stat: async (tree, path) => tree.stat(treePath(path)),
  read: async (tree, path) => tree.read(treePath(path)),
  'read a range': async (tree, path) => tree.read(treePath(path), { offset: 0, length: 3 }),
  list: async (tree, path) => tree.list(treePath(path)),
  create: async (tree, path) => tree.apply(beside({ ...naming(path), before: 'absent' })),
  overwrite: async (tree, path) => tree.apply(beside({ ...naming(path), before: 'anything' })),
  delete: async (tree, path) => tree.apply(beside({ ...naming(path), after: 'absent' })),
}

const naming = (path: string): Change => ({
  path: treePath(path),
  before: 'anything',
  after: { bytes: Buffer.from('overwritten') },
})

/** With a change that nothing is wrong with: it must not be made either. */
const beside = (change: Change): Change[] => [naming('innocent'), change]

/** What code that only joins would do. */
const naive: readonly ((path: string) => void)[] = [
  (path) => expect(readFileSync(path, 'utf8')).toBe('not the secret'),
  (path) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, 'overwritten')
  },
  (path) => unlinkSync(path),
]

interface Layout {
  readonly base: string
  readonly root: string
  readonly path: string
  outside(): string
}

function within<T>(row: Row, use: (layout: Layout) => T): T {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-hostile-')))
  const root = join(base, 'ws')
  const filled = (text: string) => text.replaceAll('$BASE', base).replaceAll('$ROOT', root)
  for (const directory of [root, join(base, 'out'), `${root}-evil`]) mkdirSync(directory)
  writeFileSync(join(base, 'out/secret'), 'secret')
  writeFileSync(`${root}-evil/secret`, 'secret')
  for (const line of row.layout) {
    const [name = '', target] = line.split(' => ')
    if (target === undefined) mkdirSync(join(root, name))
    else symlinkSync(filled(target), join(root, name))
  }
  const outside = () => contents(base, root).join('\n')
  const clear = () => rmSync(base, { recursive: true })
  const result = use({ base, root, path: filled(row.path), outside })
  if (result instanceof Promise) return result.finally(clear) as T
  clear()
  return result
}

/** All below `folder` but what is below `except`. */
export function contents(folder: string, except?: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const stats = lstatSync(path)
    if (stats.isDirectory()) return [path, ...(path === except ? [] : contents(path, except))]
    if (stats.isSymbolicLink()) return [`${path} => ${readlinkSync(path)}`]
    return [`${path} ${stats.mode} ${stats.mtimeMs} ${readFileSync(path, 'latin1')}`]
  })
}

/** Declares the table for the trees that `open` makes of a root. */
export function describeHostilePaths(name: string, open: (root: string) => Tree): void {
  describe(`${name} refuses what leads out`, () => {
    for (const row of rows) {
      for (const [operation, run] of Object.entries(operations)) {
        test(`${operation}: ${row.name}`, () =>
          within(row, async ({ root, path, outside }) => {
            const before = [outside(), ...contents(root)]
            const error = await run(open(root), path).catch((reason: unknown) => reason)
            expect(isSandboxError(error), String(error)).toBe(true)
            expect(row.codes ?? ['PATH_OUTSIDE']).toContain((error as { code: string }).code)
            expect([outside(), ...contents(root)]).toEqual(before)
          }))
      }
    }
  })
}

/** Declares the proof that the rows are as hostile as they say. */
export function describeNaiveCode(): void {
  describe('code that joins and opens', () => {
    for (const row of rows) {
      test(`${row.escapes ? 'gets out' : 'stays inside'} by ${row.name}`, () => {
        const gotOut = naive.some((attempt) =>
          within(row, ({ root, path, outside }) => {
            const before = outside()
            let read = false
            try {
              attempt(join(root, path))
            } catch (error) {
              read = String(error).includes("expected 'secret'")
            }
            return read || outside() !== before
          }),
        )
        expect(gotOut).toBe(row.escapes)
      })
    }
  })
}
