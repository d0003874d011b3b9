/** A disk of the sandbox that gets full at any moment of a sync: it says so, and nothing is lost. */
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }
const mayMount = process.platform === 'linux' && process.getuid?.() === 0

describe.skipIf(!mayMount).each(Object.entries(shells()))(
  '%s (needs root on Linux)',
  (_, tools) => {
    let folder: string
    let host: string
    let root: string
    let sandbox: LocalSandbox
    const mounted: string[] = []
    const mount = (path: string, size: string) => {
      mkdirSync(path, { recursive: true })
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path])
      mounted.push(path)
    }

    beforeEach(() => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-full-')))
      host = join(folder, 'host')
      root = join(folder, 'box/workspace')
      for (const path of [host, root]) mkdirSync(path, { recursive: true })
      sandbox = localSandbox({ folder, ...tools })
    })
    afterEach(() => {
      for (const path of mounted.splice(0).reverse()) execFileSync('umount', [path])
      sandbox.remove()
    })

    const aMirror = () => newMirror(host, join(folder, 'state/ancestor'))
    const syncing = (mirror = aMirror()) => mirror.sync(channelScripts(sandbox), 'both', context)
    const name = (i: number) => `${'long-name-'.repeat(18)}${i}`
    const texts = () =>
      readdirSync(host)
        .filter((entry) => entry.startsWith('long'))
        .map((entry) => readFileSync(join(host, entry), 'utf8'))

    test('where a listing does not fit, it is none', async () => {
      const state = `/tmp/.sandbox-mcp-sync/${sandbox.name}-workspace`
      for (let i = 0; i < 200; i++) writeFileSync(join(host, name(i)), 'agreed')
      await syncing()
      mount(state, '32k')
      await expect(syncing()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
      expect(texts().length).toBe(200)
      execFileSync('umount', [mounted.pop() as string])
      expect(await syncing()).toMatchObject({ isComplete: true, conflicts: [] })
      expect(texts().length).toBe(200)
    })

    // BusyBox runs its own tools, whatever PATH says.
    const lasts = [
      'the last holds',
      ...(tools.shell.startsWith('/bin/') ? ['the last does not'] : []),
    ]
    test.each(lasts)(
      'what is sent is all that fits, or is sent again: %s',
      async (last) => {
        const count = 120
        const disk = join(folder, 'box')
        mount(disk, '64m')
        mkdirSync(root)
        const filler = join(disk, 'filler')
        const write = (text: string) => {
          for (let i = 0; i < count; i++) writeFileSync(join(host, name(i)), text)
          writeFileSync(join(host, 'z-last'), text)
        }
        write('agreed')
        await syncing()
        if (last !== 'the last holds') writtenMeanwhile(join(root, 'z-last'))
        const failed: number[] = []
        // Each file, of the old and the new, has a page; then come the lists that the script makes.
        for (let room = 1; room < 50; room += 3) {
          const text = `changed with ${room}`
          write(text)
          const pages = statfsSync(disk).bavail - count - room
          writeFileSync(filler, Buffer.alloc(pages * 4096, 1))
          const mirror = aMirror()
          await syncing(mirror).catch((error: unknown) => {
            failed.push(room)
            expect(error).toMatchObject({ code: expect.stringMatching(/^SYNC_/) })
          })
          rmSync(filler)
          await syncing(mirror)
          expect(new Set(texts())).toEqual(new Set([text]))
          for (let i = 0; i < count; i++)
            expect(readFileSync(join(root, name(i)), 'utf8')).toBe(text)
        }
        expect(failed.length).toBeGreaterThan(2)
        expect(failed.length).toBeLessThan(17)
      },
      60_000,
    )

    /** As if somebody wrote to `path` whenever a script hashes something. */
    function writtenMeanwhile(path: string): void {
      const bin = join(folder, 'bin')
      mkdirSync(bin)
      const lines = [
        '#!/bin/sh',
        `echo more >>'${path}'`,
        `PATH='${tools.path}' exec sha256sum "$@"`,
      ]
      writeFileSync(join(bin, 'sha256sum'), `${lines.join('\n')}\n`, { mode: 0o755 })
      sandbox = localSandbox({ folder, shell: tools.shell, path: `${bin}:${tools.path}` })
    }
  },
)
