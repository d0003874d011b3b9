/** What of a sandbox nobody would miss. */
import { expect, test } from 'vitest'
import { isAllIn } from '../../src/sync/all-in.ts'
import { atOnce } from '../../src/sync/slices.ts'
import { type Entry, type Problem, reasons, type Snapshot } from '../../src/sync/snapshot.ts'
import { treePath } from '../../src/tree.ts'

const file = (digest: string): Entry => ({ kind: 'file', digest, executable: false })
const link: Entry = { kind: 'link', target: '/etc' }
const directory: Entry = { kind: 'directory' }
const holding = (entries: Record<string, Entry>): Snapshot =>
  new Map(Object.entries(entries).map(([path, entry]) => [treePath(path), entry]))
const problem = (path: string, reason: string, side: Problem['side'] = 'host'): Problem => ({
  path: treePath(path),
  side,
  reason,
})

const unread = [problem('d', reasons.denied)]
const out = [problem('d', reasons.leadsOut, 'sandbox')]

test.each<[string, boolean, Record<string, Entry>, Record<string, Entry>, readonly Problem[]]>([
  ['the same', true, { a: file('1') }, { a: file('1') }, []],
  ['another file', false, { a: file('1') }, { a: file('2') }, []],
  ['an empty directory for an unread one', true, {}, { d: directory }, unread],
  ['a file in it', false, {}, { d: directory, 'd/x': file('1') }, unread],
  ['a file in its place', false, {}, { d: file('1') }, unread],
  ['an empty directory beside it', false, {}, { d: directory, e: directory }, unread],
  [
    'one that the sandbox may not read',
    false,
    {},
    { d: directory },
    [problem('d', reasons.denied, 'sandbox')],
  ],
  [
    'what was agreed on, removed from it',
    false,
    { d: directory, 'd/x': file('1') },
    { d: directory },
    unread,
  ],
  ['a link that leads out', true, {}, { d: link }, out],
  [
    'what is below its name on the host',
    true,
    { d: directory, 'd/x': file('1') },
    { d: link },
    out,
  ],
])('%s: %s', (_what, isIn, agreed, sandbox, left) => {
  const scan = { snapshot: holding(sandbox), problems: [] }
  expect(atOnce(isAllIn(holding(agreed), scan, left))).toBe(isIn)
})
