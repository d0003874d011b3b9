/** Many changes of a host tree are made in turns with all else that this process does, and still all or none. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { applyPatch } from '../../src/tools/apply-patch.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { allFinished } from '../../src/trees/unfinished-changes.ts'
import { change, was } from '../contract/tree-changes.ts'
import { directorySession } from '../support/directory-session.ts'
import { eachStepATurn } from '../support/each-step-a-turn.ts'

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const count = 40
const names = Array.from({ length: count }, (_, i) => `f${i}`)
const between = Array.from({ length: count - 1 }, (_, i) => i + 1)

let root: string
let tree: HostTree
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-turns-')))
  tree = new HostTree({ root, owner })
})
afterEach(() => rmSync(root, { recursive: true }))
const contentOf = (name: string) => readFileSync(join(root, name), 'utf8')
const fill = () => {
  for (const name of names) writeFileSync(join(root, name), 'old')
}
const changed = () => names.filter((name) => contentOf(name) !== 'old').length

test('others have their turn between any two, and whoever changes one of them waits for all', async () => {
  fill()
  const seen = new Set<number>()
  let later: Promise<void> | undefined
  const tooEarly: string[] = []
  await eachStepATurn(
    () => tree.apply(names.map((name) => change(name, was('old'), 'new'))),
    () => {
      const made = changed()
      seen.add(made)
      if (made > 0) later ??= tree.apply([change('f0', was('new'), 'later')])
      if (made < count && contentOf('f0') === 'later') tooEarly.push('f0')
    },
  )
  for (const made of between) expect(seen).toContain(made)
  await later
  expect(tooEarly).toEqual([])
  expect(names.map(contentOf)).toEqual(['later', ...Array(count - 1).fill('new')])
  expect(readdirSync(root).sort()).toEqual([...names].sort())
})

test('what waits for changes that fail comes after all is put back', async () => {
  fill()
  let later: Promise<void> | undefined
  const failing = eachStepATurn(
    () => tree.apply([...names, 'last'].map((name) => change(name, 'anything', 'new'))),
    () => {
      if (changed() === 0) return
      // What takes a name like that cannot be replaced.
      mkdirSync(join(root, 'last'), { recursive: true })
      later ??= tree.apply([change('f0', 'anything', 'later'), change('f1', 'anything', 'too')])
    },
  )
  await expect(failing).rejects.toMatchObject({ code: 'NOT_A_FILE' })
  await later
  expect(names.map(contentOf)).toEqual(['later', 'too', ...Array(count - 2).fill('old')])
  expect(readdirSync(root).sort()).toEqual([...names, 'last'].sort())
})

test('what somebody writes after all were checked, and before its turn comes, is kept, and all is put back', async () => {
  for (const content of [null, 'new']) {
    fill()
    const last = names[count - 1] as string
    let isWritten = false
    const failing = eachStepATurn(
      () => tree.apply(names.map((name) => change(name, was('old'), content))),
      () => {
        const hasBegun = content === null ? !existsSync(join(root, 'f0')) : changed() > 0
        if (isWritten || !hasBegun) return
        writeFileSync(join(root, last), 'theirs')
        isWritten = true
      },
    )
    await expect(failing).rejects.toMatchObject({
      code: 'FILE_STALE',
      message: expect.stringContaining(`"${last}"`),
    })
    expect(isWritten).toBe(true)
    expect(names.map(contentOf)).toEqual([...Array(count - 1).fill('old'), 'theirs'])
    expect(readdirSync(root).sort()).toEqual([...names].sort())
  }
})

test('who waits for all that is unfinished finds the changes made and nothing beside them', async () => {
  fill()
  let waited: Promise<readonly string[]> | undefined
  await eachStepATurn(
    () => tree.apply(names.map((name) => change(name, was('old'), 'new'))),
    () => {
      if (changed() > 0) waited ??= allFinished().then(() => readdirSync(root))
    },
  )
  expect((await waited)?.toSorted()).toEqual(names.toSorted())
  expect(changed()).toBe(count)
})

test('the files of a patch are read in turns', async () => {
  fill()
  let turns = 0
  const turnOf: number[] = []
  class Counted extends HostTree {
    override async read(...asked: Parameters<HostTree['read']>) {
      turnOf.push(turns)
      return super.read(...asked)
    }
  }
  const session = directorySession(root, root, new Counted({ root, owner }))
  const updates = names.map((name) => `*** Update File: ${name}\n@@\n-old\n+new\n`)
  const input = `*** Begin Patch\n${updates.join('')}*** End Patch\n`
  const call = { session, signal: new AbortController().signal, progress: () => {} }
  await eachStepATurn(
    () => applyPatch.run({ input }, call),
    () => {
      turns += 1
    },
  )
  expect(changed()).toBe(count)
  expect(new Set(turnOf).size).toBe(count)
})
