/** Reading what a seed sends, by the shells and the tools that sandboxes have. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { packed } from '../../src/sync/seed/packing.ts'
import { sizes, unpackScript } from '../../src/sync/seed/unpack-script.ts'
import { tarEnd, tarHeader, tarPadding } from '../../src/sync/tar-archive.ts'
import { hastyShells } from '../support/local-sandbox.ts'
import { localShells } from '../support/local-shells.ts'
import { hasPerl } from '../support/perl-attendant.ts'

/** A perl without its library, as Debian's smallest image has it: what needs it must fail before it reads anything. */
const meagre = mkdtempSync(join(tmpdir(), 'sbx-meagre-'))
writeFileSync(join(meagre, 'perl'), '#!/bin/sh\nexit 2\n', { mode: 0o755 })
/** A gzip that nobody may ask. */
const perlOnly = mkdtempSync(join(tmpdir(), 'sbx-perl-only-'))
writeFileSync(join(perlOnly, 'gzip'), '#!/bin/sh\nexit 3\n', { mode: 0o755 })
afterAll(() => {
  for (const folder of [meagre, perlOnly]) rmSync(folder, { recursive: true })
})

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sbx-unpack-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const mebibyte = 1024 * 1024
/** Packs, does not pack, and packs again: three archives of gzip in a row. */
const contents: Readonly<Record<string, Buffer>> = {
  text: Buffer.alloc(3 * mebibyte, 'what compresses well, '),
  noise: randomBytes(20 * mebibyte),
  'more text': Buffer.alloc(3 * mebibyte + 7, 'line\n'),
}

function tar(): Buffer {
  const about = { kind: 'file', mode: 0o640, mtimeMs: 1_000_000 } as const
  const entries = Object.entries(contents).flatMap(([path, bytes]) => [
    tarHeader({ ...about, path, size: bytes.length }),
    bytes,
    tarPadding(bytes.length),
  ])
  return Buffer.concat([...entries, tarEnd])
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 250_000) yield bytes.subarray(at, at + 250_000)
}

function unpack(size: string, archive: Buffer, path: string) {
  const input = Buffer.concat([Buffer.from(`${size}\n`), archive])
  const options = { cwd: folder, input, reject: false, env: { PATH: path } }
  return execa('sh', ['-c', unpackScript(true)], options)
}

const expectAll = () => {
  const found = Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]),
  )
  expect(Object.keys(found).sort()).toEqual(Object.keys(contents).sort())
  for (const [name, bytes] of Object.entries(contents)) {
    expect(found[name]?.equals(bytes), name).toBe(true)
  }
}

const system = '/usr/sbin:/usr/bin:/sbin:/bin'
const ways: readonly (readonly [string, string, string])[] = [
  ['small, by gzip', sizes.small, system],
  ['large, with a perl that lacks its library', sizes.large, `${meagre}:${system}`],
  ...(hasPerl ? ([['large, by perl', sizes.large, `${perlOnly}:${system}`]] as const) : []),
]

test.runIf(process.env.CI)('all of perl is here, so that this is tested', () => {
  expect(hasPerl).toBe(true)
})

test.each(ways)('archives in a row come out as they went in: %s', async (_, size, path) => {
  const archive = await buffer(packed(chunksOf(tar())))
  const { exitCode, stderr } = await unpack(size, archive, path)
  expect([exitCode, stderr]).toEqual([0, ''])
  expectAll()
})

test.each(ways)('a stream that is cut is an error: %s', async (_, size, path) => {
  const archive = await buffer(packed(chunksOf(tar())))
  const { exitCode, stderr } = await unpack(size, archive.subarray(0, archive.length / 2), path)
  expect(exitCode).not.toBe(0)
  expect(stderr).toMatch(/unexpected end of file/i)
})

test.each(ways)('damage is an error: %s', async (_, size, path) => {
  const archive = await buffer(packed(chunksOf(tar())))
  archive.fill(0xff, 2_000, 3_000)
  const { exitCode, stderr } = await unpack(size, archive, path)
  expect(exitCode).not.toBe(0)
  expect(stderr).not.toBe('')
})

test.each(ways)('so is a sum that is another one: %s', async (_, size, path) => {
  const archive = gzipSync(tar())
  archive.writeUInt8(archive.readUInt8(archive.length - 8) ^ 1, archive.length - 8)
  const { stderr } = await unpack(size, archive, path)
  expect(stderr).toMatch(/crc|data error|data stream error/i)
})

test.each(Object.entries(hastyShells()))(
  'what is read may take a while to come, where `read` has a limit from %s',
  async (_origin, { shell, env }) => {
    const path = join(folder, 'archive')
    writeFileSync(path, await buffer(packed(chunksOf(tar()))))
    const feed = `{ sleep 0.3; echo ${sizes.small}; cat ${path}; rm ${path}; } | "$0" -c "$1"`
    const options = { cwd: folder, env: { ...env, PATH: system } }
    await execa('/bin/sh', ['-c', feed, shell, unpackScript(true)], options)
    expectAll()
  },
)

const shells = await localShells()

test.each(Object.keys(shells))('%s reads it, packed or not', async (name) => {
  const archive = await buffer(packed(chunksOf(tar())))
  for (const [isPacked, bytes] of [[true, archive] as const, [false, tar()] as const]) {
    for (const size of Object.values(sizes)) {
      const input = Buffer.concat([Buffer.from(`${size}\n`), bytes])
      const script = `cd ${folder} && rm -f -- * && ${unpackScript(isPacked)}`
      expect((await shells[name]?.(script, input))?.code).toBe(0)
      expectAll()
    }
  }
})
