/** What is worked out from the recent lines is what a listing of everything would have told, or doubt. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Merged, mergeRecent, recentChanges } from '../../src/sync/sandbox/recent-changes.ts'
import { atOnce } from '../../src/sync/slices.ts'

interface Inode {
  readonly kind: 'f' | 'd' | 'l'
  readonly number: number
  ctime: number
}

/** A file system as the kernel keeps one: every change leaves its time on what it changed. */
class Model {
  readonly inodes = new Map<string, Inode>([['', { kind: 'd', number: 1, ctime: 1 }]])
  now = 1
  #numbers = 1

  isDirectory = (path: string) => this.inodes.get(path)?.kind === 'd'
  below = (path: string) => [...this.inodes.keys()].filter((one) => one.startsWith(`${path}/`))

  make(path: string, kind: Inode['kind'], ctime = ++this.now): void {
    if (!this.isDirectory(parent(path))) return
    const there = this.inodes.get(path)
    if (there?.kind === kind && kind === 'f') {
      there.ctime = ctime
      return
    }
    if (there !== undefined) return
    this.#numbers += 1
    this.inodes.set(path, { kind, number: this.#numbers, ctime })
    this.#touch(parent(path))
  }

  remove(path: string): void {
    if (path === '' || !this.inodes.has(path)) return
    for (const one of [path, ...this.below(path)]) this.inodes.delete(one)
    this.#touch(parent(path))
  }

  rename(from: string, to: string): void {
    if (!this.inodes.has(from) || !this.isDirectory(parent(to))) return
    if (from === to || `${to}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${to}/`)) return
    this.remove(to)
    for (const one of [from, ...this.below(from)]) {
      const inode = this.inodes.get(one) as Inode
      this.inodes.delete(one)
      this.inodes.set(to + one.slice(from.length), inode)
    }
    this.#touch(to)
    this.#touch(parent(from))
    this.#touch(parent(to))
  }

  /** A tree that was made long ago, somewhere else. */
  moveIn(path: string): void {
    if (!this.isDirectory(parent(path)) || path === '') return
    this.remove(path)
    this.make(path, 'd')
    for (const [name, kind] of [
      ['a', 'f'],
      ['b', 'd'],
      ['b/c', 'f'],
    ] as const) {
      this.#numbers += 1
      this.inodes.set(`${path}/${name}`, { kind, number: this.#numbers, ctime: 0 })
    }
  }

  lines(): Map<string, string> {
    const all = [...this.inodes].filter(([path]) => path !== '')
    return new Map(all.map(([path, inode]) => [path, line(path, inode)]))
  }

  recent(since: number): string[] {
    const young = [...this.inodes].filter(([, { ctime }]) => ctime > since)
    return young.sort().map(([path, inode]) => line(path, inode))
  }

  listed(directories: readonly string[]): string[] {
    const all = [...this.inodes].filter(([path]) => path !== '')
    return all
      .filter(([path]) => directories.includes(parent(path)))
      .map(([path, inode]) => line(path, inode))
  }

  #touch(path: string): void {
    const inode = this.inodes.get(path)
    if (inode !== undefined) inode.ctime = ++this.now
  }
}

const parent = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')))

const line = (path: string, { kind, number, ctime }: Inode) =>
  `${kind} 644 7 ${number} ${ctime}.5 1.5 ${path === '' ? '.' : `./${path}`}`

const path = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'))
const change = fc.oneof(
  fc.record({ do: fc.constant('make' as const), path, kind: fc.constantFrom('f', 'd', 'l') }),
  fc.record({ do: fc.constant('replace' as const), path, kind: fc.constantFrom('f', 'd', 'l') }),
  fc.record({ do: fc.constant('remove' as const), path }),
  fc.record({ do: fc.constant('rename' as const), path, to: path }),
)
const moving = fc.record({ do: fc.constant('moveIn' as const), path })
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never
type Moving = typeof moving extends fc.Arbitrary<infer T> ? T : never

function carryOut(model: Model, one: Change | Moving): void {
  if (one.do === 'make') model.make(one.path, one.kind as Inode['kind'])
  else if (one.do === 'remove') model.remove(one.path)
  else if (one.do === 'replace') {
    model.remove(one.path)
    model.make(one.path, one.kind as Inode['kind'])
  } else if (one.do === 'rename') model.rename(one.path, one.to)
  else model.moveIn(one.path)
}

/** What a scanner knows after a look, and what it makes of the next. */
function look(before: readonly Change[], after: readonly (Change | Moving)[], margin: number) {
  const model = new Model()
  for (const one of before) carryOut(model, one)
  const known = model.lines()
  const root = line('', model.inodes.get('') as Inode)
  const since = model.now - margin
  for (const one of after) carryOut(model, one)
  const changes = recentChanges(model.recent(since), known, root)
  const merged = changes && atOnce(mergeRecent(changes, model.listed(changes.directories), known))
  return { merged, changes, known, truth: model.lines() }
}

/** What is known after it. */
function applied(known: ReadonlyMap<string, string>, { gone, lines }: Merged): Map<string, string> {
  const rest = [...known].filter(([path]) => !gone.includes(path))
  return new Map([...rest, ...lines])
}

const sorted = (lines: ReadonlyMap<string, string>) => [...lines].sort()
const settings = { numRuns: 3_000 }

test('whatever is changed, removed, made and renamed is found', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 20 }),
      fc.array(change, { maxLength: 6 }),
      fc.nat(5),
      (before, after, margin) => {
        const { merged, known, truth } = look(before, after, margin)
        // A tree that was renamed has old lines in it: they are doubt.
        if (merged === undefined) return after.some((one) => one.do === 'rename')
        expect(sorted(applied(known, merged))).toEqual(sorted(truth))
        return true
      },
    ),
    settings,
  )
})

test('what changes while it is looked at is found by the next look', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 20 }),
      fc.array(change, { maxLength: 4 }),
      fc.array(change, { maxLength: 3 }),
      (before, after, meanwhile) => {
        const model = new Model()
        const lineOfRoot = () => line('', model.inodes.get('') as Inode)
        for (const one of before) carryOut(model, one)
        const [known, root, since] = [model.lines(), lineOfRoot(), model.now]
        for (const one of after) carryOut(model, one)
        const [first, firstRoot, looked] = [model.recent(since), lineOfRoot(), model.now]
        for (const one of meanwhile) carryOut(model, one)
        const changes = recentChanges(first, known, root)
        const merged =
          changes && atOnce(mergeRecent(changes, model.listed(changes.directories), known))
        // Then all is listed.
        if (merged === undefined) return
        const then = applied(known, merged)
        const next = recentChanges(model.recent(looked), then, firstRoot)
        const all = next && atOnce(mergeRecent(next, model.listed(next.directories), then))
        if (all !== undefined) expect(sorted(applied(then, all))).toEqual(sorted(model.lines()))
      },
    ),
    settings,
  )
})

test('what was moved in from elsewhere is doubt, if it is still there', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 12 }),
      fc.array(fc.oneof(change, moving), { maxLength: 6 }),
      (before, after) => {
        const { merged, known, truth } = look(before, after, 0)
        if (merged !== undefined) expect(sorted(applied(known, merged))).toEqual(sorted(truth))
      },
    ),
    settings,
  )
})

test('nothing changed, and nothing is made of what is recent all the same', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.nat(20), (before, margin) => {
      expect(look(before, [], margin).changes?.lines.size).toBe(0)
    }),
  )
})

test('a name that one line cannot tell is doubt', () => {
  const known = new Map([['a', 'f 644 7 2 1.5 1.5 ./a']])
  for (const odd of [
    'f 644 7 3 9.5 1.5 ./b\nf 644 7 2 9.5 1.5 ./a',
    'f 644 7 3 9.5 1.5 ./\ufffd',
  ]) {
    expect(recentChanges([odd], known, undefined)).toBeUndefined()
  }
  const changes = recentChanges(['d 755 7 1 9.5 1.5 .'], known, undefined)
  expect(changes).toMatchObject({ directories: [''] })
  expect(
    changes && atOnce(mergeRecent(changes, ['f 644 7 3 1.5 1.5 ./x\ny'], known)),
  ).toBeUndefined()
  const noted = new Map([...known, ['/! 7', '! 7 ./']])
  expect(changes && atOnce(mergeRecent(changes, ['f 644 7 2 1.5 1.5 ./a'], noted))).toBeUndefined()
  const inner = recentChanges(
    ['d 755 7 5 9.5 1.5 ./d'],
    new Map([['d/! 7', '! 7 ./d/']]),
    undefined,
  )
  expect(inner).toMatchObject({ directories: ['d'] })
  for (const key of ['d/! 7', 'e/! 7']) {
    const below = new Map([
      ['d', 'd 755 7 5 1.5 1.5 ./d'],
      [key, `! 7 ./${key[0]}/`],
    ])
    const merged = inner && atOnce(mergeRecent(inner, [], below))
    expect(merged === undefined).toBe(key === 'd/! 7')
  }
})
