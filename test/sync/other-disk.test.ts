/** Files that come to a part of the host's tree where another file system begins: they are copied, in slices. */
import { execFileSync } from 'node:child_process'
import fs, {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { applyToHost } from '../../src/sync/host/apply.ts'
import { copiedNear } from '../../src/sync/host/place.ts'
import { HostStage } from '../../src/sync/host/stage.ts'
import { TransferProgress } from '../../src/sync/transfer-progress.ts'
import { digestOf, treePath } from '../../src/tree.ts'

const mayMount = process.platform === 'linux' && process.getuid?.() === 0
const never = new AbortController().signal
const progress = new TransferProgress({ signal: never, report: () => {} }, 'placing', { files: 1 })

describe.skipIf(!mayMount)('below the root is another disk (needs root on Linux)', () => {
  let root: string
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-disk-')))
    mkdirSync(join(root, 'disk'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', join(root, 'disk')])
  })
  afterEach(() => {
    execFileSync('umount', [join(root, 'disk')])
    rmSync(root, { recursive: true, force: true })
  })

  /** Puts new files in place as a sync does. */
  async function place(files: Record<string, Buffer>) {
    const stage = new HostStage(root)
    const content = new Map()
    for (const [path, bytes] of Object.entries(files)) {
      const pieces = (async function* () {
        yield bytes
      })()
      const after = { kind: 'file' as const, digest: digestOf(bytes), executable: false }
      const change = { path: treePath(path), before: undefined, after }
      content.set(change, await stage.add(pieces, 0o644, 1e12))
    }
    const target = { root, owner: undefined }
    const unmade = await applyToHost([...content.keys()], content, stage, target, progress, never)
    await stage.remove()
    return unmade
  }

  test('large and small ones come there, and what there is no room for is refused', async () => {
    const large = Buffer.alloc(1_000_000, 'l')
    const small = Buffer.from('small')
    const unmade = await place({
      'disk/large': large,
      'disk/huge': Buffer.alloc(5_000_000, 'h'),
      'disk/small': small,
      here: small,
    })
    expect([...unmade.refused]).toEqual([['disk/huge', 'no space is left on the device']])
    expect([...unmade.stale]).toEqual([])
    expect(readdirSync(join(root, 'disk')).sort()).toEqual(['large', 'small'])
    expect(readFileSync(join(root, 'disk/large')).equals(large)).toBe(true)
    expect(readdirSync(root).sort()).toEqual(['disk', 'here'])
  })

  test('what has come to a place meanwhile is not replaced, and no copy is left', async () => {
    writeFileSync(join(root, 'disk/taken'), 'of the user')
    const unmade = await place({ 'disk/taken': Buffer.alloc(1_000_000) })
    expect([...unmade.stale]).toEqual(['disk/taken'])
    expect(readdirSync(join(root, 'disk'))).toEqual(['taken'])
    expect(readFileSync(join(root, 'disk/taken'), 'utf8')).toBe('of the user')
  })

  test('a copy is cancelled in its middle, and nothing of it is left', async () => {
    execFileSync('mount', ['-o', 'remount,size=2g', join(root, 'disk')])
    const source = join(root, 'huge')
    writeFileSync(source, '')
    // It takes far longer than a slice.
    truncateSync(source, 1024 ** 3)
    const copying = copiedNear(source, join(root, 'disk/huge'), AbortSignal.abort())
    await expect(copying).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(readdirSync(join(root, 'disk'))).toEqual([])
  })
})

describe('a file that goes, and that somebody replaces at that moment', () => {
  let root: string
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-gone-')))
  })
  const real = { linkSync, renameSync }
  const system = (calls: object) => {
    Object.assign(fs, calls)
    syncBuiltinESMExports()
  }
  afterEach(() => {
    system(real)
    rmSync(root, { recursive: true, force: true })
  })
  const refuse = () => {
    throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
  }

  /** `replace` comes between the last look at the file and what is done to it. */
  async function take(replace: (file: string) => void, calls: object = {}) {
    const file = join(root, 'f')
    writeFileSync(file, 'agreed')
    const before = {
      kind: 'file' as const,
      digest: digestOf(Buffer.from('agreed')),
      executable: false,
    }
    const move = (from: string, to: string) => {
      if (to.includes('gone-')) replace(file)
      return real.renameSync(from, to)
    }
    system({ renameSync: move, ...calls })
    const stage = new HostStage(root)
    const change = { path: treePath('f'), before, after: undefined }
    const target = { root, owner: undefined }
    const unmade = await applyToHost([change], new Map(), stage, target, progress, never)
    system(real)
    await stage.remove()
    expect([...unmade.stale]).toEqual(['f'])
    return file
  }
  const rewrite = (file: string) => {
    rmSync(file)
    writeFileSync(file, 'of the user')
  }

  test('is back', async () => {
    expect(readFileSync(await take(rewrite), 'utf8')).toBe('of the user')
  })

  test('is back where there are no hard links', async () => {
    expect(readFileSync(await take(rewrite, { linkSync: refuse }), 'utf8')).toBe('of the user')
  })

  test('is back where it is a directory by then, of which there are none anywhere', async () => {
    const directory = await take((file) => {
      rmSync(file)
      mkdirSync(file)
      writeFileSync(join(file, 'in it'), 'of the user')
    })
    expect(readFileSync(join(directory, 'in it'), 'utf8')).toBe('of the user')
  })
})
