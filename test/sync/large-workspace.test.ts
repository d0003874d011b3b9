/** That nothing of a large workspace is done in one piece: steps are counted, because times depend on the machine. */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { applyToHost } from '../../src/sync/host/apply.ts'
import { HostStage, sweepStages } from '../../src/sync/host/stage.ts'
import { readAhead, verified } from '../../src/sync/host/verify.ts'
import { archiveOf } from '../../src/sync/push/archive.ts'
import { lineText, type PushLine, planLines } from '../../src/sync/push/plan.ts'
import { reconcile } from '../../src/sync/reconcile/reconcile.ts'
import { linesOf } from '../../src/sync/sandbox/lines.ts'
import { bytesOf, inSlices, type Steps, sorted } from '../../src/sync/slices.ts'
import { type Entry, sameSnapshot } from '../../src/sync/snapshot.ts'
import { Telling } from '../../src/sync/sync-report.ts'
import { TransferProgress, toldWhile } from '../../src/sync/transfer-progress.ts'
import { digestOf, type TreePath, treePath } from '../../src/tree.ts'
import { counted } from './counted.ts'

const silent = new TransferProgress(
  { signal: new AbortController().signal, report: () => {} },
  'nothing',
  { files: 0 },
)
const never = new AbortController().signal
const size = 200_000

/** All in one directory, so that no loop over directories makes the steps. */
function many(digest: string): Map<TreePath, Entry> {
  const entries = new Map<TreePath, Entry>([[treePath('d'), { kind: 'directory' }]])
  for (let i = 0; i < size; i++) {
    entries.set(treePath(`d/${(i * 7919) % size}`), { kind: 'file', digest, executable: false })
  }
  return entries
}

describe('of 200,000 entries', () => {
  test('what to do about each is decided in steps, and told without an overflow', () => {
    const [before, after] = [many('1'), many('2')]
    const scan = (snapshot: Map<TreePath, Entry>) => ({ snapshot, problems: [] })
    const { steps, value: plan } = counted(
      reconcile({
        host: scan(after),
        sandbox: scan(before),
        ancestor: before,
        leavesOut: () => false,
        hostFoldsCase: false,
      }),
    )
    expect(plan.toSandbox.length).toBe(size)
    // The index of three snapshots, the links, each entry, and the order of the changes.
    expect(steps).toBeGreaterThan((5 * size) / 500)
    const toSandbox = plan.toSandbox.map(({ path }) => path)
    const told = new Telling()
    const made = { toHost: [], toSandbox } as unknown as Parameters<Telling['add']>[1]
    told.add(plan, made, { problems: [], isComplete: true })
    expect(told.toSandbox.length).toBe(size)
  })

  test('what is sent, and how it is asked for, is written in steps and without an overflow', async () => {
    const changes = [...many('1')].map(([path, after]) => ({ path, before: undefined, after }))
    const planned = counted(planLines(changes))
    expect(planned.value.length).toBe(size + 1)
    expect(planned.value[0]?.path).toBe('d')
    expect(planned.value.slice(1).map(({ path }) => path)).toEqual(
      changes
        .slice(1)
        .map(({ path }) => path)
        .sort(),
    )
    expect(planned.steps).toBeGreaterThan((2 * size) / 500)
    const written = counted(bytesOf(planned.value, lineText))
    expect(written.steps).toBeGreaterThan(size / 500)
    const read = counted(linesOf(written.value))
    expect(read.value).toEqual(planned.value.map((line) => lineText(line).trimEnd()))
    expect(read.steps).toBeGreaterThan(size / 500)
    // Nothing of it is there to be sent: a plan has a line for each all the same.
    const gone = changes.map(({ path, after }) => ({ path, before: after, after: undefined }))
    let sent = 0
    const told = (lines: readonly PushLine[]) => {
      sent = lines.length
    }
    const source = { root: tmpdir(), bytes: 0, progress: silent }
    for await (const _ of archiveOf(gone, source, new Set(), told, never));
    expect(sent).toBe(size + 1)
  })

  test('two are compared, and sorted, in steps', () => {
    const same = counted(sameSnapshot(many('1'), many('1')))
    expect(same.value).toBe(true)
    expect(same.steps).toBeGreaterThan(size / 500)
    const paths = [...many('1').keys()]
    const ordered = counted(sorted(paths, (path) => path))
    expect(ordered.value).toEqual(paths.toSorted())
    expect(ordered.steps).toBeGreaterThan(size / 500)
  })
})

test('a signal ends work in slices, and what it holds open is closed', async () => {
  const controller = new AbortController()
  let isClosed = false
  const endless = function* (): Steps<void> {
    try {
      for (;;) yield
    } finally {
      isClosed = true
    }
  }
  const working = inSlices(endless(), controller.signal)
  setImmediate(() => controller.abort())
  await expect(working).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(isClosed).toBe(true)
})

test('others run while much is put in place', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sbx-large-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const count = 5_000
  const changes = Array.from({ length: count }, (_, n) => ({
    path: treePath(`${n}`),
    before: undefined,
    after: { kind: 'directory' as const },
  }))
  const made = () => changes.filter(({ path }) => existsSync(join(root, path))).length
  const seen: number[] = []
  let isDone = false
  const look = () => {
    seen.push(made())
    if (!isDone) setImmediate(look)
  }
  setImmediate(look)
  const target = { root, owner: undefined }
  await applyToHost(changes, new Map(), new HostStage(root), target, silent, never).finally(() => {
    isDone = true
  })
  expect(made()).toBe(count)
  expect(seen.filter((some) => some > 0 && some < count).length).toBeGreaterThan(1)
})

test('what takes longer than a moment is told until it is done', async () => {
  const told: string[] = []
  let finish = () => {}
  const work = new Promise<void>((resolve) => {
    finish = resolve
  })
  const report = (text: string) => {
    told.push(text)
    if (told.length === 2) finish()
  }
  await toldWhile({ report }, (seconds) => `for ${seconds} s`, work)
  expect(told).toEqual([expect.stringMatching(/^for \d+ s$/), expect.stringMatching(/^for \d+ s$/)])
})

describe('a large file on the host', () => {
  let root: string
  let file: string
  const old = Buffer.alloc(3 * 1024 * 1024, 'o')
  const entry = (content: Buffer) => ({
    kind: 'file' as const,
    digest: digestOf(content),
    executable: false,
  })
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sbx-large-'))
    file = join(root, 'f')
    writeFileSync(file, old)
    utimesSync(file, 1e9, 1e9)
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  /** As soon as its facts can be relied on. */
  const ahead = async (moved: (bytes: number) => void = () => {}) => {
    for (;;) {
      const read = await readAhead(file, moved, never)
      if (read !== undefined) return read
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  test('is read ahead of its turn, and relied on only while nothing was done to it', async () => {
    const read = await ahead()
    expect(read.digest).toBe(digestOf(old))
    expect(verified(file, entry(old), undefined)).toBeUndefined()
    expect(verified(file, entry(old), read)).toBeDefined()
    expect(verified(file, entry(Buffer.from('x')), read)).toBeUndefined()
    const { size: length, mtimeMs } = statSync(file)
    writeFileSync(file, Buffer.alloc(old.length, 'n'), { flag: 'r+' })
    utimesSync(file, 1e9, 1e9)
    expect(statSync(file)).toMatchObject({ size: length, mtimeMs })
    expect(verified(file, entry(old), read)).toBeUndefined()
  })

  test('is replaced by what was staged, which is told in bytes; and the stage is gone', async () => {
    await ahead()
    const next = Buffer.from('new')
    const stage = new HostStage(root)
    const staged = await stage.add(
      (async function* () {
        yield next
      })(),
      0o644,
      1e12,
    )
    const change = { path: treePath('f'), before: entry(old), after: entry(next) }
    const told: string[] = []
    const context = { signal: never, report: (text: string) => told.push(text) }
    const progress = new TransferProgress(context, 'putting in place', { files: 1 })
    const content = new Map([[change, staged]])
    const target = { root, owner: undefined }
    const unmade = await applyToHost([change], content, stage, target, progress, never)
    expect(unmade).toMatchObject({ stale: new Set(), refused: new Map() })
    expect(readFileSync(file, 'utf8')).toBe('new')
    expect(told[0]).toBe('putting in place: 0 of 1 files, 2.0 MiB')
    await sweepStages(root)
    expect(() => statSync(stage.directory)).toThrow()
  })

  test('stays as it is when the call is cancelled while it is read', async () => {
    await ahead()
    const controller = new AbortController()
    const reading = readAhead(file, () => controller.abort(), controller.signal)
    // A slice may hold all of it.
    await reading.catch((error: unknown) => expect(error).toMatchObject({ code: 'CANCELLED' }))
    expect(readFileSync(file).equals(old)).toBe(true)
  })
})
