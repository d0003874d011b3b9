/**
 * Edits and patches of files in a sandbox that were seen before: in one script, and as if nothing were recalled, whatever
 * somebody else does to the files meanwhile.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isSandboxError } from '../../src/errors.ts'
import { applyPatch } from '../../src/tools/apply-patch.ts'
import { edit } from '../../src/tools/edit.ts'
import { read } from '../../src/tools/read.ts'
import type { ToolResult } from '../../src/tools/tool.ts'
import { write } from '../../src/tools/write.ts'
import type { Tree } from '../../src/tree.ts'
import { SandboxTree } from '../../src/trees/sandbox-tree.ts'
import { contentsOf, temporaryPair } from '../support/directory-contents.ts'
import { directorySession } from '../support/directory-session.ts'
import { localShells } from '../support/local-shells.ts'

const [scripts] = Object.values(await localShells())
if (scripts === undefined) throw new Error('there is no shell')

/** Links, modes and contents, also where a link leads nowhere. */
const holds = (root = '') =>
  execFileSync('sh', ['-c', "find . -printf '%p %y %m %l\\n' | sort; cat * 2>/dev/null; :"], {
    cwd: root,
    encoding: 'utf8',
  })

/** The same without anything to be recalled. */
const forgetful = (tree: Tree): Tree => ({
  stat: (path) => tree.stat(path),
  read: (...args) => tree.read(...args),
  list: (path) => tree.list(path),
  apply: (...args) => tree.apply(...args),
  replace: (...args) => tree.replace(...args),
})

function place(seen: (tree: Tree) => Tree = (tree) => tree) {
  const { root, inside } = temporaryPair()
  let ran = 0
  const tree = new SandboxTree(
    (...script) => {
      ran += 1
      return (scripts as NonNullable<typeof scripts>)(...script)
    },
    { root },
  )
  const session = directorySession(root, inside, seen(tree))
  const signal = new AbortController().signal
  const context = { session, signal, progress: () => {} }
  const said = (answer: Promise<Pick<ToolResult<object>, 'content'>>) =>
    answer.then(
      ({ content }) => JSON.stringify(content),
      (error: unknown) => {
        if (!isSandboxError(error)) throw error
        return `${error.code}: ${error.message}`
      },
    )
  return {
    root,
    put: (name: string, content: string) => writeFileSync(join(root, name), content),
    read: (path: string) => said(read.run({ path }, context)),
    write: (path: string, content: string) => said(write.run({ path, content }, context)),
    edit: (path: string, oldText: string, newText: string) =>
      said(edit.run({ path, edits: [{ oldText, newText }] }, context)),
    patch: (...lines: string[]) => {
      const input = ['*** Begin Patch', ...lines, '*** End Patch'].join('\n')
      return said(applyPatch.run({ input }, context))
    },
    files: () => contentsOf(root),
    /** How many scripts ran since this was asked last. */
    scripts: () => {
      const before = ran
      ran = 0
      return before
    },
  }
}

const updated = (path: string, before: string, after: string) => [
  `*** Update File: ${path}`,
  '@@',
  `-${before}`,
  `+${after}`,
]

test('what was read or written is changed by one script', async () => {
  const it = place()
  it.put('f', 'one\ntwo\n')
  await it.read('f')
  it.scripts()
  expect(await it.edit('f', 'one', '1')).toContain('Edited f')
  expect(it.scripts()).toBe(1)
  expect(await it.edit('f', 'two', '2')).toContain('Edited f')
  expect(it.scripts()).toBe(1)
  expect(await it.patch(...updated('f', '1', 'I'))).toContain('Success')
  expect(it.scripts()).toBe(1)
  await it.write('g', 'a\n')
  it.scripts()
  expect(await it.patch(...updated('f', '2', 'II'), ...updated('g', 'a', 'b'))).toContain('Success')
  expect(it.scripts()).toBe(1)
  expect(await it.patch('*** Add File: d/h', '+new', ...updated('g', 'b', 'c'))).toContain(
    'Success',
  )
  expect(it.scripts()).toBe(1)
  expect(it.files()).toEqual({ f: 'I\nII\n', g: 'c\n', 'd/h': 'new\n' })
})

test('what changed meanwhile is changed as it is now', async () => {
  const it = place()
  it.put('f', 'one\ntwo\n')
  await it.read('f')
  it.put('f', 'one\n2\nthree\n')
  expect(await it.edit('f', 'one', '1')).toContain('Edited f')
  expect(it.files()).toEqual({ f: '1\n2\nthree\n' })
  it.put('f', '1\n2\n3\n')
  expect(await it.edit('f', 'three', 'x')).toMatch(/^EDIT_NO_MATCH/)
  expect(await it.edit('f', '3', 'x')).toContain('Edited f')
  it.put('f', 'new\n')
  expect(await it.edit('f', 'new', 'newer')).toContain('Edited f')
  expect(it.files()).toEqual({ f: 'newer\n' })
  rmSync(join(it.root, 'f'))
  expect(await it.edit('f', 'newer', 'x')).toMatch(/^FILE_NOT_FOUND/)
})

test('a patch tells nothing of what it only recalls', async () => {
  const it = place()
  it.put('f', 'one\n')
  await it.read('f')
  it.put('f', 'other\n')
  expect(await it.patch(...updated('f', 'one', 'one'))).toMatch(/^EDIT_NO_MATCH/)
  it.put('f', 'one\n')
  await it.read('f')
  chmodSync(join(it.root, 'f'), 0o755)
  const moved = ['*** Update File: f', '*** Move to: g', '@@', '-one', '+1']
  expect(await it.patch(...moved)).toContain('Success')
  expect(it.files()).toEqual({ 'g*': '1\n' })
  // What is added and deleted again is in no change, and so nothing would have told that it is there.
  it.put('h', 'there\n')
  expect(await it.patch('*** Add File: h', '+new', '*** Delete File: h')).toContain('FILE_EXISTS')
})

test('nothing differs from a tree that recalls nothing, whatever happens', async () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  const one = <T>(of: readonly T[]) => of[random(of.length)] as T
  const names = ['a', 'b', 'c']
  const words = ['x', 'y', 'z']
  const pair = [place(), place(forgetful)]
  for (let step = 0; step < 300; step++) {
    const [name, other, word, next] = [one(names), one(names), one(words), one(words)]
    const content = Array.from({ length: random(4) }, () => `${one(words)}\n`).join('')
    const kind = random(13)
    const outside = (root: string) => {
      const path = join(root, name)
      rmSync(path, { recursive: true, force: true })
      if (kind === 0) writeFileSync(path, content)
      if (kind === 1) writeFileSync(path, content, { mode: 0o755 })
      if (kind === 2 && step % 3 === 0) mkdirSync(path)
      if (kind === 2 && step % 3 === 1 && other !== name) symlinkSync(other, path)
    }
    const answers: unknown[] = []
    for (const it of pair) {
      if (kind <= 2) outside(it.root)
      else if (kind === 3) answers.push(await it.read(name))
      else if (kind === 4) answers.push(await it.write(name, content))
      else if (kind <= 6) answers.push(await it.edit(name, word, next))
      else if (kind <= 8) answers.push(await it.patch(...updated(name, word, next)))
      else if (kind === 9) answers.push(await it.patch(`*** Add File: ${name}`, `+${word}`))
      else if (kind === 10 && name !== other) {
        const move = [`*** Update File: ${name}`, `*** Move to: ${other}`, '@@', ` ${word}`]
        answers.push(await it.patch(...move))
      } else if (name !== other) {
        const both = [...updated(name, word, next), ...updated(other, next, word)]
        answers.push(await it.patch(...both))
      }
    }
    expect([step, kind, answers[0]]).toEqual([step, kind, answers[1]])
    expect(holds(pair[0]?.root)).toEqual(holds(pair[1]?.root))
  }
})
