import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { canPin } from '../../src/real-paths.ts'
import { digestOf, treePath, treeRoot } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { describeTree } from '../contract/tree.ts'
import { change, text, was } from '../contract/tree-changes.ts'
import { contents, describeHostilePaths, describeNaiveCode } from './hostile-paths.ts'
import { prepareSecondProcess, type SecondProcess } from './second-process.ts'

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const sandboxRoot = '/workspace'
const asRoot = process.getuid?.() === 0

let second: SecondProcess
beforeAll(async () => {
  second = await prepareSecondProcess()
})
afterAll(() => second.close())

for (const pinned of canPin ? [true, false] : [false]) {
  const name = pinned ? 'HostTree' : 'HostTree without /proc'
  describeTree(name, async () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-tree-')))
    return {
      tree: new HostTree({ root, owner, pinned }),
      sh: async (script) => (await promisify(execFile)('sh', ['-c', script], { cwd: root })).stdout,
      incrementElsewhere: async (file, times) => {
        expect(await second.run({ root, increment: { file, times } })).toEqual({ done: true })
      },
      close: async () => rmSync(root, { recursive: true }),
    }
  })
  describeHostilePaths(name, (root) => new HostTree({ root, owner, sandboxRoot, pinned }))
}
describeNaiveCode()

describe('HostTree', () => {
  let base: string
  let root: string
  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-host-')))
    root = join(base, 'ws')
    for (const name of ['ws', 'out']) mkdirSync(join(base, name))
    writeFileSync(join(base, 'out/secret'), 'secret')
    chmodSync(base, 0o755)
  })
  afterEach(() => rmSync(base, { recursive: true }))

  test('a file that grew beyond what can be read is stale, and is not read for that', async () => {
    writeFileSync(join(root, 'f'), 'small')
    const tree = new HostTree({ root, owner })
    const { bytes } = await tree.read(treePath('f'))
    // To hash it takes longer than any test.
    truncateSync(join(root, 'f'), 2 ** 40)
    const after = { bytes: Buffer.from('new') }
    const changes = [{ path: treePath('f'), before: { digest: digestOf(bytes) }, after }]
    await expect(tree.apply(changes)).rejects.toMatchObject({ code: 'FILE_STALE' })
    expect(statSync(join(root, 'f')).size).toBe(2 ** 40)
  })

  test('a file whose rights are changed while it is written keeps the new ones', async () => {
    const tree = new HostTree({ root, owner })
    const at = (name: string) => join(root, name)
    for (const name of ['f', 'g']) writeFileSync(at(name), 'old', { mode: 0o644 })
    for (const [mode, ...names] of [
      [0o755, 'f'],
      [0o4750, 'f'],
      [0o700, 'f', 'g'],
    ] as const) {
      const writing = tree.apply(names.map((name) => change(name, 'anything', `${mode}`)))
      // The new content is on its way to the disk.
      for (const name of names) chmodSync(at(name), mode)
      await writing
      for (const name of names) {
        expect(await text(tree, name)).toBe(`${mode}`)
        expect(statSync(at(name)).mode & 0o7777).toBe(mode & 0o777)
      }
    }
    expect(readdirSync(root)).toEqual(['f', 'g'])
  })

  test('follows absolute links by the name that the sandbox has for the root', async () => {
    const tree = new HostTree({ root, owner, sandboxRoot })
    symlinkSync('/workspace/d/f', join(root, 'l'))
    await tree.apply([change('l', 'absent', 'x')])
    expect(await text(tree, 'd/f')).toBe('x')
    expect(await text(tree, 'l')).toBe('x')
  })

  test('refuses every change when it is read-only', async () => {
    const tree = new HostTree({ root, owner, readOnly: true })
    await expect(tree.apply([change('f', 'anything', 'x')])).rejects.toMatchObject({
      code: 'FILE_DENIED',
      message: expect.stringContaining('is in a copy that is read-only here'),
    })
    expect(readdirSync(root)).toEqual([])
  })

  test('says that the workspace is gone', async () => {
    const tree = new HostTree({ root: join(base, 'gone'), owner })
    await expect(tree.stat(treeRoot)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(tree.apply([change('f', 'anything', 'x')])).rejects.toMatchObject({
      code: 'FILE_DENIED',
    })
  })

  test.runIf(asRoot)('gives new files and directories to the owner', async () => {
    const tree = new HostTree({ root, owner: { uid: 4321, gid: 1234 } })
    await tree.apply([change('a/b/f', 'absent', 'x')])
    const owners = ['a', 'a/b', 'a/b/f'].map((path) => {
      const { uid, gid } = statSync(join(root, path))
      return `${uid}:${gid}`
    })
    expect(owners).toEqual(Array(3).fill('4321:1234'))
  })

  test.runIf(asRoot)('leaves no descriptor open', async () => {
    const tree = new HostTree({ root, owner })
    const open = () => readdirSync('/proc/self/fd').length
    await tree.apply([change('a/f', 'absent', 'x')])
    const before = open()
    for (let i = 0; i < 20; i++) {
      await tree.apply([change('a/f', 'anything', 'x'), change(`b${i}/f`, 'absent', 'x')])
      await tree.read(treePath('a/f'))
      for (const path of ['none/x', 'a/f/x']) {
        await tree.read(treePath(path)).catch(() => {})
        await tree.apply([change(path, was('x'), 'y')]).catch(() => {})
      }
    }
    // The lock between processes is kept for a moment.
    expect(open()).toBeLessThanOrEqual(before + 1)
  })

  test.runIf(asRoot)('puts everything back when the disk refuses half way', async () => {
    // In a sticky directory a file may be made beside another user's, and not take its place.
    mkdirSync(join(root, 'sticky'))
    chmodSync(root, 0o777)
    chmodSync(join(root, 'sticky'), 0o1777)
    for (const name of ['one', 'two', 'sticky/other']) writeFileSync(join(root, name), name)
    for (const name of ['one', 'two']) chownSync(join(root, name), 1001, 1001)
    chmodSync(join(root, 'sticky/other'), 0o666)
    const before = contents(root)
    const job = {
      root,
      uid: 1001,
      apply: [
        { path: treePath('one'), before: was('one'), text: 'changed' },
        { path: treePath('two'), before: was('two'), text: null },
        { path: treePath('made/new'), before: 'absent' as const, text: 'new' },
        { path: treePath('sticky/other'), before: 'anything' as const, text: 'changed' },
      ],
    }
    expect(await second.run(job)).toEqual({
      code: 'FILE_DENIED',
      message: '"sticky/other" could not be changed: permission denied; nothing was written',
    })
    expect(contents(root)).toEqual(before)
    expect(await second.run({ ...job, apply: job.apply.slice(0, 3) })).toEqual({ done: true })
    expect(readFileSync(join(root, 'one'), 'utf8')).toBe('changed')
    expect(readdirSync(root).sort()).toEqual(['made', 'one', 'sticky'])
  })

  test.runIf(asRoot)('does not replace a file that it may not write', async () => {
    chmodSync(root, 0o777)
    writeFileSync(join(root, 'theirs'), 'theirs')
    const apply = [{ path: treePath('theirs'), before: 'anything' as const, text: 'changed' }]
    expect(await second.run({ root, uid: 1001, apply })).toMatchObject({ code: 'FILE_DENIED' })
    expect(readFileSync(join(root, 'theirs'), 'utf8')).toBe('theirs')
  })
})
