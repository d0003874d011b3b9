/** A mirror's scripts run on the shells that run the session's commands, in dash, bash and BusyBox. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attendedScripts } from '../../src/attended-scripts.ts'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { Attendant } from '../../src/scripts/attendant.ts'
import type { Scripts } from '../../src/scripts/script.ts'
import { spawnedScripts } from '../../src/scripts/spawn-script.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const never = new AbortController().signal
const context = { signal: never, report: () => {} }

const ways = {
  spawned: spawnedScripts,
  attended: (guard: Guard) => attendedScripts(new Attendant(guard)),
}
const each = Object.entries(shells()).flatMap(([shell, tools]) =>
  Object.entries(ways).map(([way, scriptsOf]) => [shell, way, tools, scriptsOf] as const),
)

describe.each(each)('%s, %s', (_, way, tools, scriptsOf) => {
  let sandbox: LocalSandbox
  let guard: Guard
  let scripts: Scripts

  beforeEach(async () => {
    sandbox = localSandbox({ ...tools, beside: true })
    guard = await openGuard(sandbox, never)
    scripts = scriptsOf(guard)
  })
  afterEach(async () => {
    await guard.close()
    sandbox.remove()
  })

  test('what changes on either side arrives, pass after pass', async () => {
    const host = join(sandbox.folder, 'host')
    mkdirSync(host)
    const mirror = newMirror(host, join(sandbox.folder, 'state/ancestor'))
    const at = (side: string, path: string) => readFileSync(join(side, path), 'utf8')
    for (let pass = 0; pass < 4; pass++) {
      const odd = `odd \\ '"$ ü ${pass}`
      mkdirSync(join(host, `h${pass}`))
      mkdirSync(join(sandbox.root, `s${pass}`), { recursive: true })
      writeFileSync(join(host, `h${pass}`, odd), `of the host ${pass}`)
      writeFileSync(join(sandbox.root, `s${pass}`, odd), `of the sandbox ${pass}`)
      writeFileSync(join(host, 'both'), `both ${pass}`)
      if (pass > 1) rmSync(join(sandbox.root, `h${pass - 2}`), { recursive: true })
      const { problems, conflicts } = await mirror.sync(scripts, 'both', context)
      expect({ problems, conflicts }).toEqual({ problems: [], conflicts: [] })
      expect(at(sandbox.root, `h${pass}/${odd}`)).toBe(`of the host ${pass}`)
      expect(at(host, `s${pass}/${odd}`)).toBe(`of the sandbox ${pass}`)
      expect(at(sandbox.root, 'both')).toBe(`both ${pass}`)
      if (pass > 1) expect(() => at(host, `h${pass - 2}/odd`)).toThrow('ENOENT')
    }
  })

  test('one that is given up is ended, and leaves nothing', async () => {
    const stop = new AbortController()
    const run = scripts.run('echo begun; sleep 600', undefined, stop.signal, 'command', '')
    await expect.poll(() => guard.hasProcesses(), { timeout: 20_000 }).toBe(true)
    stop.abort()
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED' })
    const { stdout, end, close } = await scripts.stream('echo begun; sleep 600', undefined, never)
    stdout.once('data', () => close())
    await buffer(stdout)
    expect((await end).code).toBeGreaterThan(128)
    await expect.poll(() => guard.hasProcesses(), { timeout: 20_000 }).toBe(false)
  })

  test('a script has the stdin that it was given, to its end, and leaves none to the next', async () => {
    const run = (script: string, stdin: string | undefined) =>
      scripts.run(script, stdin === undefined ? stdin : Buffer.from(stdin), never, 'command', '')
    const told = async (script: string, stdin?: string) => {
      const { code, stdout, stderr } = await run(script, stdin)
      return [code, stdout.toString(), stderr]
    }
    for (let round = 0; round < 3; round++) {
      expect(await told('cat; echo .', 'a\nb')).toEqual([0, 'a\nb.\n', ''])
      expect(await told('read -r line; echo "$line"', 'a\nb\nc\n')).toEqual([0, 'a\n', ''])
      expect(await told('wc -c; exit 3', 'x'.repeat(300_000))).toEqual([3, '300000\n', ''])
      expect(await told('cat; echo .', '')).toEqual([0, '.\n', ''])
      expect(await told('cat; echo .')).toEqual([0, '.\n', ''])
      expect(await told('trap "echo end" EXIT; echo no >&2', 'a')).toEqual([0, 'end\n', 'no\n'])
    }
    // The attendant starts one shell, and another after a script that failed.
    if (way === 'attended') expect(sandbox.started).toBeLessThan(12)
  })

  test('much is streamed, and what is bulk has a channel of its own', async () => {
    const print = 'while read -r line; do dd if=/dev/zero bs=1000000 count=2 2>/dev/null; done'
    const lines = Buffer.from('a\nb\nc\n')
    for (const traffic of ['command', 'bulk'] as const) {
      const before = sandbox.started
      const { stdout, end } = await scripts.stream(print, lines, never, traffic)
      expect((await buffer(stdout)).length).toBe(6_000_000)
      expect(await end).toMatchObject({ code: 0 })
      if (traffic === 'bulk') expect(sandbox.started).toBeGreaterThan(before)
    }
  })
})
