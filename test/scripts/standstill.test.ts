/** What a script opens may be a FIFO by then, to whose other end nobody comes. In dash, bash and BusyBox. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attendedScripts } from '../../src/attended-scripts.ts'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import type { Channel } from '../../src/sandbox.ts'
import { Attendant } from '../../src/scripts/attendant.ts'
import type { Scripts } from '../../src/scripts/script.ts'
import { spawnScript } from '../../src/scripts/spawn-script.ts'
import { Standstill } from '../../src/scripts/standstill.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const never = new AbortController().signal
/** More than pipes hold, and many looks long. */
const slowBytes = 1_200_000

/** As a line that takes a quarter of a MiB in a second. */
function slowly(channel: Channel): Channel {
  const stdout = new Transform({
    highWaterMark: 8192,
    transform: (bytes: Buffer, _, done) => {
      void setTimeout(bytes.length / 256).then(() => done(null, bytes))
    },
  })
  return { ...channel, stdout: channel.stdout.pipe(stdout) }
}

const functions = 'hash() { sha256sum "$@"; }'

for (const [name, { shell, path }] of Object.entries(shells())) {
  describe(`in ${name}`, () => {
    let directory: string
    let sandbox: LocalSandbox
    let guard: Guard
    let scripts: Scripts
    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'sbx-still-'))
      execFileSync('mkfifo', [join(directory, 'fifo')])
      sandbox = localSandbox({ shell, path })
      guard = await openGuard(sandbox, never)
      const pace = { everyMs: 20, lookSeconds: 1 }
      scripts = attendedScripts(new Attendant(guard), undefined, pace)
    })
    afterEach(async () => {
      await guard.close()
      rmSync(directory, { recursive: true })
    })
    const run = (script: string, signal = never, known: string | undefined = functions) =>
      scripts.run(`cd '${directory}' || exit\n${script}`, undefined, signal, 'command', known)

    test.each([
      ['by a runner', undefined],
      ['by the attendant', functions],
    ])(
      'a script that waits for a FIFO is ended, and the next is not held up: %s',
      async (_, known) => {
        // The attendant is there from the second on.
        for (let i = 0; i < 2; i++) expect((await run('echo ready', never, known)).code).toBe(0)
        await expect(run('sha256sum fifo', never, known)).rejects.toMatchObject({
          code: 'SYNC_INTERRUPTED',
          isInside: true,
        })
        const { stdout, code } = await run('echo next', never, known)
        expect([stdout.toString(), code]).toEqual(['next\n', 0])
      },
    )

    test('a script that works on is not, however long it takes', async () => {
      const work = `n=0
start=$(date +%s)
while [ $(($(date +%s) - start)) -lt 5 ]; do n=$((n + 1)); done
echo done`
      expect((await run(work)).stdout.toString()).toBe('done\n')
    })

    test('a script whose output goes over a slow line is not, though it waits for the line', async () => {
      const slow = await openGuard(localSandbox({ shell, path, through: slowly }), never)
      const pace = { everyMs: 20, lookSeconds: 1 }
      const { run } = attendedScripts(new Attendant(slow), undefined, pace)
      try {
        const { stdout } = await run(`head -c ${slowBytes} /dev/zero`, undefined, never, 'command')
        expect(stdout.length).toBe(slowBytes)
      } finally {
        await slow.close()
      }
    })

    test('where another takes its place, that one is watched, also when the first is looked at just then', async () => {
      const ended = new AbortController()
      const watch = new Standstill(guard, never, { everyMs: 2_000, lookSeconds: 1 })
      const begun = (signal: AbortSignal) =>
        new Promise<number>((resolve) => {
          spawnScript(guard, 'sleep 300', undefined, signal, resolve).catch(() => {})
        })
      watch.begun(await begun(ended.signal))
      const other = await begun(watch.signal)
      await setTimeout(2_400)
      watch.begun(other)
      ended.abort()
      await expect.poll(() => watch.isStill, { timeout: 20_000 }).toBe(true)
      watch.end()
    })

    test('one that is cancelled while it waits is told as cancelled', async () => {
      const controller = new AbortController()
      const running = run('echo begun; sha256sum fifo', controller.signal)
      controller.abort()
      await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
    })
  })
}
