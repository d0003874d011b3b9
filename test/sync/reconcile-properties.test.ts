import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Plan, reconcile, type SyncChange } from '../../src/sync/reconcile/reconcile.ts'
import {
  changesSince,
  reconcileChanged,
  withPlanned,
} from '../../src/sync/reconcile/reconcile-changed.ts'
import { atOnce } from '../../src/sync/slices.ts'
import type { Entry, Scan, Side, Snapshot } from '../../src/sync/snapshot.ts'
import { type TreePath, treePath } from '../../src/tree.ts'
import { applied } from './applied.ts'
import { expectKnown } from './difference.ts'
import { layout, snapshot } from './layout.ts'

const file = fc
  .tuple(fc.constantFrom('1', '2', '3', '4'), fc.constantFrom('', '', '*'))
  .map(([digest, mode]) => `=${digest}${mode}`)
const link = fc.constantFrom('->a', '->b/c', '->/outside')
const path = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'))
const tree = fc
  .array(fc.tuple(path, fc.oneof({ weight: 5, arbitrary: file }, link, fc.constant('/'))), {
    maxLength: 8,
  })
  .map((entries) => snapshot(possible(entries)))

/** Of entries that exclude each other, the first. */
function possible(entries: readonly (readonly [string, string])[]): string {
  const taken = new Map<string, string>()
  for (const [at, what] of entries) {
    const above = at.split('/').map((_, i, names) => names.slice(0, i).join('/'))
    const clash =
      taken.has(at) ||
      above.some((parent) => taken.has(parent) && taken.get(parent) !== '/') ||
      [...taken.keys()].some((other) => other.startsWith(`${at}/`))
    if (!clash) taken.set(at, what)
  }
  return [...taken].map((words) => words.join('')).join(' ')
}

/** A tree that has most in common with another. */
const edited = (from: Snapshot) =>
  fc.tuple(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), tree).map(([kept, fresh]) => {
    const old = layout(from)
      .split(' ')
      .filter((word, i) => word !== '-' && kept[i % 12])
    const words = [...(layout(fresh) === '-' ? [] : layout(fresh).split(' ').slice(0, 3)), ...old]
    return snapshot(
      possible(
        words.map((word) => {
          const [, name = '', rest = ''] = /^(.*?)((?:=|->|\/$).*)$/.exec(word) ?? []
          return [name, rest]
        }),
      ),
    )
  })

interface World {
  readonly ancestor: Snapshot
  readonly host: Snapshot
  readonly sandbox: Snapshot
}

const world: fc.Arbitrary<World> = tree.chain((ancestor) =>
  fc.record({
    ancestor: fc.oneof({ weight: 4, arbitrary: fc.constant(ancestor) }, fc.constant(new Map())),
    host: fc.oneof(edited(ancestor), tree),
    sandbox: fc.oneof(edited(ancestor), tree),
  }),
)

const holds = (property: (world: World) => void) =>
  fc.assert(fc.property(world, property), { numRuns: 2000 })

function plan({ ancestor, host, sandbox }: World): Plan {
  const scan = (found: Snapshot) => ({ snapshot: found, problems: [] })
  const rest = { leavesOut: () => false, hostFoldsCase: false }
  return atOnce(reconcile({ ancestor, host: scan(host), sandbox: scan(sandbox), ...rest }))
}

function synced(before: World): World & { readonly plan: Plan } {
  const made = plan(before)
  return {
    ancestor: made.agreed,
    host: applied(made.toHost, before.host, before),
    sandbox: applied(made.toSandbox, before.sandbox, before),
    plan: made,
  }
}

const digests = (...sides: readonly Snapshot[]) =>
  new Set(
    sides.flatMap((side) => [...side.values()]).flatMap((e) => (e.kind === 'file' ? e.digest : [])),
  )

/** Without what is left alone, and the directories it is in. */
function withoutProblems(side: Snapshot, { problems }: Plan): string {
  const alone = (at: string) =>
    problems.some(({ path: p }) => at === p || at.startsWith(`${p}/`) || p.startsWith(`${at}/`))
  return layout(new Map([...side].filter(([at]) => !alone(at))))
}

/** Content that only one side has gets a digest of its own, so that losing any copy shows. */
function distinct(one: World): World {
  const mark = (side: Snapshot, name: string): Snapshot =>
    new Map(
      [...side].map(([at, entry]): [typeof at, Entry] => {
        const was = one.ancestor.get(at)
        const same = was?.kind === 'file' && entry.kind === 'file' && was.digest === entry.digest
        return [at, entry.kind === 'file' && !same ? { ...entry, digest: `${name}:${at}` } : entry]
      }),
    )
  return {
    ancestor: one.ancestor,
    host: mark(one.host, 'host'),
    sandbox: mark(one.sandbox, 'sandbox'),
  }
}

describe('whatever has happened on both sides', () => {
  test('a look at what has changed decides as a look at everything does', () => {
    let decided = 0
    holds((before) => {
      const scan = (found: Snapshot) => ({ snapshot: found, problems: [] })
      const [host, sandbox, agreed] = [before.host, before.sandbox, before.ancestor].map(scan)
      const was = { host: agreed as Scan, sandbox: agreed as Scan }
      const now = { host: host as Scan, sandbox: sandbox as Scan }
      const changed = atOnce(changesSince(was, now)) as Set<TreePath>
      const { ancestor } = before
      const found = { ...now, ancestor, leavesOut: () => false, hostFoldsCase: false }
      const some = atOnce(reconcileChanged(found, changed))
      if (some === undefined) return
      decided += changed.size > 0 ? 1 : 0
      const { agreed: agreedNow, ...all } = atOnce(reconcile(found))
      expect(some).toEqual({ ...all, agreed: expect.any(Map) })
      expect(layout(some.agreed)).toBe(layout(agreedNow))
      expect(expectKnown(ancestor, some.agreed)).toBe(true)
      // What is not among the changed is agreed on as before.
      for (const path of new Set([...some.agreed.keys(), ...ancestor.keys()])) {
        if (!changed.has(path)) expect(some.agreed.get(path)).toEqual(ancestor.get(path))
      }
    })
    expect(decided).toBeGreaterThan(500)
  })

  test('what neither has changed and the plan does not change is agreed on as before', () =>
    holds((before) => {
      const scan = (found: Snapshot) => ({ snapshot: found, problems: [] })
      const [host, sandbox, agreed] = [before.host, before.sandbox, before.ancestor].map(scan)
      const was = { host: agreed as Scan, sandbox: agreed as Scan }
      const now = { host: host as Scan, sandbox: sandbox as Scan }
      const made = plan(before)
      const changed = withPlanned(atOnce(changesSince(was, now)) as Set<TreePath>, made)
      for (const path of new Set([...made.agreed.keys(), ...before.ancestor.keys()])) {
        if (changed.has(path)) continue
        expect(made.agreed.get(path)).toEqual(before.ancestor.get(path))
      }
    }))

  test('what both hold is agreed on as it is, whatever was, and what is left alone is told all the same', () =>
    holds(({ ancestor, host }) => {
      const done = { toHost: [], toSandbox: [], conflicts: [], problems: [], agreed: host }
      expect(plan({ ancestor, host, sandbox: new Map(host) })).toEqual(done)
      const problem = { path: treePath('z'), side: 'sandbox', reason: 'why' } as const
      const same = { snapshot: new Map(host), problems: [] }
      const sandbox = { ...same, problems: [problem] }
      const rest = { leavesOut: () => false, hostFoldsCase: false }
      const left = atOnce(reconcile({ ancestor, host: same, sandbox, ...rest }))
      expect(left).toEqual({ ...done, problems: [problem] })
    }))

  test('what is agreed on is what both sides hold afterwards', () =>
    holds((before) => {
      const { host, sandbox, ancestor, plan } = synced(before)
      const agreed = withoutProblems(ancestor, plan)
      expect(withoutProblems(host, plan)).toBe(agreed)
      expect(withoutProblems(sandbox, plan)).toBe(agreed)
    }))

  test('a second pass does nothing', () =>
    holds((before) => {
      const first = synced(before)
      // What led out through a path that this pass removes can be made by the next.
      if (first.plan.problems.length > 0) return
      const second = plan(first)
      expect([second.toHost, second.toSandbox, second.conflicts]).toEqual([[], [], []])
      expect(layout(second.agreed)).toBe(layout(first.ancestor))
    }))

  test('no content that is new on either side is lost', () =>
    holds((some) => {
      const before = distinct(some)
      const now = synced(before)
      const kept = digests(now.host, now.sandbox)
      const old = digests(before.ancestor)
      for (const digest of digests(before.host, before.sandbox)) {
        if (!old.has(digest)) expect(kept).toContain(digest)
      }
    }))

  test('without an ancestor nothing at all is lost, and nothing is deleted', () =>
    holds((some) => {
      const before = distinct({ ...some, ancestor: new Map() })
      const now = synced(before)
      expect(digests(now.host, now.sandbox)).toEqual(digests(before.host, before.sandbox))
      for (const name of ['host', 'sandbox'] as const) {
        const held = digests(now[name])
        for (const digest of digests(before[name])) {
          expect(now.plan.problems.length > 0 || held.has(digest)).toBe(true)
        }
      }
    }))

  test('a plan that is cut off anywhere is finished by the next pass, and loses nothing', () =>
    fc.assert(
      fc.property(world, fc.nat(20), fc.nat(20), (some, hostSteps, sandboxSteps) => {
        const before = distinct(some)
        const made = plan(before)
        const cut = {
          ancestor: before.ancestor,
          host: applied(made.toHost.slice(0, hostSteps), before.host, before),
          sandbox: applied(made.toSandbox.slice(0, sandboxSteps), before.sandbox, before),
        }
        const now = synced(cut)
        const kept = digests(now.host, now.sandbox)
        const old = digests(before.ancestor)
        for (const digest of digests(before.host, before.sandbox)) {
          if (!old.has(digest)) expect(kept).toContain(digest)
        }
      }),
      { numRuns: 2000 },
    ))

  test('swapping sides swaps the plan, but for who wins a conflict', () =>
    holds((some) => {
      // What leads out, or in a circle, is judged on the sandbox's side alone.
      const inside = (side: Snapshot): Snapshot =>
        new Map(
          [...side].map(([at, e]) => [
            at,
            e.kind === 'link' ? { ...e, target: `gone/${e.target}` } : e,
          ]),
        )
      const before = {
        ancestor: inside(some.ancestor),
        host: inside(some.host),
        sandbox: inside(some.sandbox),
      }
      const one = plan(before)
      const other = plan({ ...before, host: before.sandbox, sandbox: before.host })
      expect(one.conflicts.map((c) => c.path)).toEqual(other.conflicts.map((c) => c.path))
      const tied = (at: string) =>
        tieBroken(before, at) ||
        one.conflicts.some(
          ({ path: p }) => at === p || at.startsWith(`${p}/`) || at.includes('.sandbox-conflict-'),
        )
      const rest = (changes: readonly SyncChange[], swap: boolean) =>
        changes
          .filter((change) => !tied(change.path))
          .map(({ from, ...change }) => ({ ...change, from: from && side(from.side, swap) }))
      expect(rest(one.toHost, false)).toEqual(rest(other.toSandbox, true))
      expect(rest(one.toSandbox, false)).toEqual(rest(other.toHost, true))
    }))
})

function side(name: Side, swap: boolean): Side {
  return swap ? (name === 'host' ? 'sandbox' : 'host') : name
}

/** Equal content, executable on one side only, and nothing to tell which of them moved. */
function tieBroken({ host, sandbox, ancestor }: World, at: string): boolean {
  const [one, other, was] = [host, sandbox, ancestor].map((s) => s.get(treePath(at)))
  return (
    one?.kind === 'file' &&
    other?.kind === 'file' &&
    one.digest === other.digest &&
    one.executable !== other.executable &&
    was?.kind !== 'file'
  )
}
