import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AncestorFile } from '../../src/sync/ancestor-file.ts'
import { treePath } from '../../src/tree.ts'
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
    Buffer.from(whole.toString().replace('"version":1', '"version":2')),
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

test('what cannot be written leaves what was there', async () => {
  await file.write(agreed)
  const taken = join(folder, 'directory')
  mkdirSync(join(taken, 'x'), { recursive: true })
  await expect(new AncestorFile(taken, 'pair').write(agreed)).rejects.toThrow()
  expect(readdirSync(folder).sort()).toEqual(['directory', 'state'])
  await expect(new AncestorFile(taken, 'pair').read()).rejects.toThrow()
})
