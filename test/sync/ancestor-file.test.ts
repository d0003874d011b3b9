import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { AncestorFile } from '../../src/sync/ancestor/file.ts'
import { DigestCache } from '../../src/sync/host/digest-cache.ts'
import { scanHost } from '../../src/sync/host/scan.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { treePath } from '../../src/tree.ts'
import { newMirror } from '../support/local-mirror.ts'
import { localSandbox } from '../support/local-sandbox.ts'
import { snapshot } from './layout.ts'

let folder: string
let path: string
let file: AncestorFile
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sbx-ancestor-'))
  path = join(folder, 'state', 'one')
  file = new AncestorFile(path, 'host + sandbox 1')
})
afterEach(() => rmSync(folder, { recursive: true }))

const agreed = new Map(snapshot('a=1 d/x=2* d/l->../a empty/')).set(treePath('odd "\\\r\u2028 ü'), {
  kind: 'directory',
})
const nothing = { snapshot: new Map() }

test('what is written is read', async () => {
  expect(await file.read()).toEqual(nothing)
  await file.write(snapshot('other=1'))
  await file.write(agreed)
  expect(await file.read()).toEqual({ snapshot: agreed })
  expect(readdirSync(join(folder, 'state'))).toEqual(['one'])
  await file.forget()
  await file.forget()
  expect(await file.read()).toEqual(nothing)
})

test('nothing is agreed on with a sandbox that is another', async () => {
  await file.write(agreed)
  const next = new AncestorFile(path, 'host + sandbox 2')
  expect(await next.read()).toEqual(nothing)
  await next.write(snapshot('a=1'))
  expect(await file.read()).toEqual(nothing)
})

test('a file that is damaged anywhere is set aside, and nothing is agreed on', async () => {
  await file.write(agreed)
  const whole = readFileSync(path)
  const damaged = [
    ...[0, 1, 20, 60, 150, whole.length - 1].map((length) => whole.subarray(0, length)),
    ...[3, 70, 150, whole.length - 3].map((at) => {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return bytes
    }),
    Buffer.concat([whole, Buffer.from('["b","file","1",false]\n')]),
    Buffer.from(whole.toString().replace('"version":2', '"version":1')),
  ]
  const names = damaged.map((_, i) => `${path}.damaged${i === 0 ? '' : `-${i + 1}`}`)
  for (const [i, bytes] of damaged.entries()) {
    writeFileSync(path, bytes)
    expect(await file.read()).toEqual({ ...nothing, setAside: names[i] })
    expect(await file.read()).toEqual(nothing)
  }
  // Each is kept.
  expect(names.map((name) => readFileSync(name))).toEqual(damaged)
})

describe('of a large workspace', () => {
  const large = (rest = '') =>
    snapshot(`${Array.from({ length: 600 }, (_, i) => `d/f${i}=${i}`).join(' ')} ${rest}`)
  const changesFile = () => `${path}.changes`
  const paths = (...names: string[]) => new Set(names.map(treePath))
  const fresh = () => new AncestorFile(path, 'host + sandbox 1')
  /** `d/f3` is gone, `a` is there, `b` has come and gone. */
  const later = () => {
    const next = new Map(large('a=2'))
    next.delete(treePath('d/f3'))
    return next
  }
  beforeEach(async () => {
    await file.write(large())
    await file.write(large('a=1 b=1'), paths('a', 'b'))
    await file.write(later(), paths('a', 'b', 'd/f3'))
  })

  test('what has changed is noted beside what was written', async () => {
    const whole = readFileSync(path)
    const noted = readFileSync(changesFile(), 'utf8')
    expect(noted.split('\n').slice(1)).toEqual(['["a","file","2",false]', '["b"]', '["d/f3"]', ''])
    expect(await file.read()).toEqual({ snapshot: later() })
    expect(await fresh().read()).toEqual({ snapshot: later() })
    // Also when it goes on from what was read.
    const next = fresh()
    await next.read()
    await next.write(large('a=2'), paths('d/f3'))
    expect(readFileSync(path)).toEqual(whole)
    expect(await file.read()).toEqual({ snapshot: large('a=2') })
    await file.forget()
    expect(readdirSync(join(folder, 'state'))).toEqual([])
  })

  test('many changes are written with all the rest', async () => {
    const names = Array.from({ length: 501 }, (_, i) => `n${i}`)
    const all = new Map([...later(), ...snapshot(names.map((name) => `${name}=1`).join(' '))])
    await file.write(all, paths(...names))
    expect(readdirSync(join(folder, 'state'))).toEqual(['one'])
    expect(await fresh().read()).toEqual({ snapshot: all })
  })

  test('changes that are damaged anywhere are not believed, nor is what they are of', async () => {
    const [whole, noted] = [readFileSync(path), readFileSync(changesFile())]
    const damaged = [
      ...[0, 1, 60, 150, noted.length - 1].map((length) => noted.subarray(0, length)),
      ...[3, 70, 200, noted.length - 3].map((at) => {
        const bytes = Buffer.from(noted)
        bytes[at] = (bytes[at] ?? 0) ^ 1
        return bytes
      }),
      Buffer.concat([noted, Buffer.from('["b","file","1",false]\n')]),
    ]
    for (const bytes of damaged) {
      writeFileSync(path, whole)
      writeFileSync(changesFile(), bytes)
      expect(await file.read()).toMatchObject({ ...nothing, setAside: expect.any(String) })
      expect(await file.read()).toEqual(nothing)
    }
  })

  test('changes of what was written over are none of what is there', async () => {
    const noted = readFileSync(changesFile())
    await file.write(large('c=1'))
    expect(readdirSync(join(folder, 'state'))).toEqual(['one'])
    // As a crash leaves it, between the one file and the other.
    writeFileSync(changesFile(), noted)
    expect(await fresh().read()).toEqual({ snapshot: large('c=1') })
    // The same content written once more is another file all the same.
    await file.write(large())
    writeFileSync(changesFile(), noted)
    expect(await fresh().read()).toEqual({ snapshot: large() })
  })
})

test('what cannot be written leaves what was there', async () => {
  await file.write(agreed)
  const taken = join(folder, 'directory')
  mkdirSync(join(taken, 'x'), { recursive: true })
  await expect(new AncestorFile(taken, 'pair').write(agreed)).rejects.toThrow()
  expect(readdirSync(folder).sort()).toEqual(['directory', 'state'])
  await expect(new AncestorFile(taken, 'pair').read()).rejects.toThrow()
})

describe('of a mirror of many files', () => {
  const context = { signal: new AbortController().signal, report: () => {} }
  const edit = fc.record({
    side: fc.constantFrom<'host' | 'root'>('host', 'root'),
    at: fc.constantFrom<string>('d/f1', 'd/f2', 'd/new', 'x', 'x/y', 'x/z'),
    text: fc.constantFrom<string | undefined>(undefined, '1', '2', '3'),
  })
  const copied = (['host', 'root'] as const).map((side) => ({ side, at: 'd/f1', text: side }))
  const rounds = fc.array(fc.array(edit, { maxLength: 6 }), { minLength: 2, maxLength: 5 })

  /** Whatever is in the way goes; undefined leaves nothing. */
  function put(at: string, text: string | undefined): void {
    const parent = dirname(at)
    if (lstatSync(parent, { throwIfNoEntry: false })?.isFile()) rmSync(parent)
    rmSync(at, { recursive: true, force: true })
    if (text === undefined) return
    mkdirSync(parent, { recursive: true })
    writeFileSync(at, text)
  }

  /** Made anew, with 600 files on both sides. */
  async function workspace() {
    const sandbox = localSandbox({ beside: true })
    const [host, root] = [join(sandbox.folder, 'host'), sandbox.root]
    const noted = join(sandbox.folder, 'state/one')
    for (let i = 0; i < 600; i++) put(join(host, `d/f${i}`), `${i}`)
    const mirror = newMirror(host, noted)
    const sync = (by = mirror) => by.sync(channelScripts(sandbox), 'both', context)
    await sync()
    const remove = async () => {
      await mirror.close()
      sandbox.remove()
    }
    return { host, root, noted, sync, remove }
  }

  test('the record on disk is what both sides hold, whatever was changed on them', () =>
    fc.assert(
      fc.asyncProperty(rounds, async (edits) => {
        const { noted, sync, remove, ...sides } = await workspace()
        try {
          for (const round of edits) {
            for (const { side, at, text } of round) put(join(sides[side], at), text)
            expect(await sync()).toMatchObject({ isComplete: true })
            const { pair } = JSON.parse(readFileSync(noted, 'utf8').split('\n')[0] ?? '')
            const { snapshot } = await new AncestorFile(noted, pair).read()
            for (const root of [sides.host, sides.root]) {
              const rules = new SyncRules()
              const held = await scanHost({ root, rules, cache: new DigestCache() })
              expect(new Map([...snapshot].sort())).toEqual(new Map([...held.snapshot].sort()))
            }
          }
        } finally {
          await remove()
        }
      }),
      { numRuns: 4, examples: [[[copied]]] },
    ))

  test('the copy of a conflict that is deleted is gone for another server too', async () => {
    const { host, root, noted, sync, remove } = await workspace()
    onTestFinished(remove)
    for (const { side, at, text } of copied) put(join(side === 'host' ? host : root, at), text)
    const [{ kept = '' } = {}] = (await sync()).conflicts
    expect(existsSync(join(host, kept))).toBe(true)
    rmSync(join(host, kept))
    const other = newMirror(host, noted)
    expect(await sync(other)).toMatchObject({ toHost: [], toSandbox: [kept] })
    await other.close()
    expect(existsSync(join(root, kept))).toBe(false)
  })
})
