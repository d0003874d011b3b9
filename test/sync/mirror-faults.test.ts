/** A sync that is cut off at every single step leaves both sides whole, and the next one finishes the work. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contents, copyOf, damage, makeScene, type Scene, sandboxOf, sync } from './fault-scene.ts'

let scene: Scene
let finished: Record<string, string>
beforeAll(async () => {
  scene = await makeScene()
  const uncut = copyOf(scene)
  await sync(uncut, sandboxOf(uncut))
  finished = contents(uncut.host, true)
  expect(contents(uncut.root, true)).toEqual(finished)
  expect(damage(uncut)).toEqual([])
  uncut.remove()
})
afterAll(() => scene.remove())

/** What there is after the cut, and after the next sync. */
async function judge(cut: Scene, step: string): Promise<void> {
  expect({ step, damage: damage(cut) }).toEqual({ step, damage: [] })
  await sync(cut, sandboxOf(cut))
  expect({ step, ...contents(cut.host, true) }).toEqual({ step, ...finished })
  expect({ step, ...contents(cut.root, true) }).toEqual({ step, ...finished })
  cut.remove()
}

describe('killed before a change on the host', () => {
  let program: string
  beforeAll(async () => {
    program = join(scene.folder, 'cut-sync.mjs')
    await build({
      entryPoints: [join(import.meta.dirname, 'cut-sync.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // What comes from these must be what the program has changed.
      external: ['node:*'],
    })
  })

  const run = async (cut: Scene, number: number) => {
    const child = spawn(
      process.execPath,
      [program, cut.folder, cut.host, cut.root, String(number)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const printed = Buffer.concat(await child.stdout.toArray()).toString()
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once('exit', resolve))
    }
    return { printed, signal: child.signalCode }
  }

  test('each of them', { timeout: 600_000 }, async () => {
    const whole = copyOf(scene)
    const changes = Number((await run(whole, 0)).printed)
    whole.remove()
    expect(changes).toBeGreaterThan(30)
    for (let number = 1; number <= changes; number++) {
      const cut = copyOf(scene)
      expect(await run(cut, number)).toEqual({ printed: '', signal: 'SIGKILL' })
      await scriptsEnd(cut)
      await judge(cut, `change ${number} of ${changes}`)
    }
  })
})

describe('cut inside the sandbox', () => {
  const tools = [
    'cat',
    'chmod',
    'cmp',
    'cp',
    'cut',
    'find',
    'grep',
    'ln',
    'mkdir',
    'mv',
    'readlink',
    'rm',
    'rmdir',
    'sed',
    'sha256sum',
    'sort',
    'tar',
    'tr',
    'uniq',
    'wc',
    'xargs',
  ]
  const real = ['/usr/bin', '/bin']

  /** Tools that count their calls, and before the Nth end all that runs. */
  const shims = (folder: string, number: number) => {
    const directory = join(folder, 'tools')
    mkdirSync(directory)
    for (const tool of tools) {
      const path = real.map((at) => join(at, tool)).find((at) => existsSync(at))
      const lines = [
        '#!/bin/sh',
        `echo ${tool} >> '${folder}/calls'`,
        `[ "$(/usr/bin/wc -l < '${folder}/calls')" -ne ${number} ] || kill -KILL 0`,
        `exec ${path} "$@"`,
      ]
      writeFileSync(join(directory, tool), `${lines.join('\n')}\n`)
      chmodSync(join(directory, tool), 0o755)
    }
    return `${directory}:${real.join(':')}`
  }

  test('before each tool that a script starts', { timeout: 600_000 }, async () => {
    for (let number = 1; ; number++) {
      const cut = copyOf(scene)
      const sandbox = sandboxOf(cut, { path: shims(cut.folder, number) })
      const outcome = await sync(cut, sandbox).then(
        () => 'finished',
        (error: { code: string }) => error.code,
      )
      await sandbox.quiet()
      const calls = readFileSync(join(cut.folder, 'calls'), 'utf8').trim().split('\n')
      const step = `${calls[number - 1]} (${number})`
      if (calls.length < number) {
        expect(outcome).toBe('finished')
        expect(number).toBeGreaterThan(30)
        cut.remove()
        return
      }
      await judge(cut, step)
    }
  })
})

/** What a killed server leaves running inside ends with its stdin. */
async function scriptsEnd({ root }: Scene): Promise<void> {
  await expect.poll(() => processesIn(root), { timeout: 60_000, interval: 20 }).toEqual([])
}

function processesIn(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory)
    } catch {
      return false
    }
  })
}
