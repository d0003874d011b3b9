/** What is cut off before its end is not run, and no exit code of it is told. In dash, bash and BusyBox. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { attendantScript, request } from '../src/attendant-script.ts'
import { scriptLine, waitForScript } from '../src/backends/ssh/waiting-shell.ts'
import { commandText } from '../src/command-text.ts'
import { runnerScript, type Shell } from '../src/runner-script.ts'
import { shells } from './support/local-sandbox.ts'

const token = 'abcdef0123456789ab'

for (const [name, { shell, path }] of Object.entries(shells())) {
  describe(`a connection that ends in ${name}`, () => {
    /** What a script prints on each stream that is given so many bytes of `sent`, and then the end. */
    async function told(script: string, sent: Buffer, bytes: number) {
      const child = spawn(shell, ['-c', script], { env: { PATH: path }, detached: true })
      child.stdin.on('error', () => {})
      child.stdin.end(sent.subarray(0, bytes))
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
      return { stdout, stderr }
    }

    /** Of all places where it can be cut, so many at once. */
    async function atEach(sent: Buffer, check: (bytes: number) => Promise<void>) {
      const isTried = (at: number) => at < 30 || at > sent.length - 40 || (at < 400 && at % 3 === 0)
      const places = [...sent.keys()].filter(isTried)
      const next = async (): Promise<void> => {
        const place = places.shift()
        if (place === undefined) return
        await check(place)
        await next()
      }
      await Promise.all([next(), next(), next(), next()])
    }

    const script = 'echo ran\n:\necho on\n: end'
    test.each([
      ['read by lines', script],
      ['that is long', `${script} ${'x'.repeat(5_000)}`],
    ])('runs nothing of a script of ours %s', async (_what, ours) => {
      const attendant = attendantScript(token, '')
      const sent = request(token, ours, new Uint8Array())
      expect((await told(attendant, sent, sent.length)).stdout).toContain(`${token}:0`)
      await atEach(sent, async (bytes) => {
        const { stdout } = await told(attendant, sent, bytes)
        expect([bytes, stdout]).toEqual([bytes, `\u001f${token}:128\u001f`])
      })
    })

    test.each([
      ['in a line', script],
      ['that is long', `${script} ${'x'.repeat(5_000)}`],
    ])('runs nothing of a script over SSH %s', async (_what, ours) => {
      const sent = scriptLine(ours)
      const whole = await told(waitForScript('mark'), sent, sent.length)
      expect(whole.stdout).toBe('markran\non\n')
      await atEach(sent, async (bytes) => {
        const { stdout } = await told(waitForScript('mark'), sent, bytes)
        expect([bytes, stdout]).toEqual([bytes, 'mark'])
      })
    })

    const waiting = path.includes('/bin:') ? 'bash5' : 'sh'
    const line = { workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const
    test.each([
      ['read by lines', script],
      ['that is long', `${script} ${'x'.repeat(5_000)}`],
    ])('runs nothing of a command %s', async (_what, run) => {
      const runner = runnerScript(token, {})
      const sent = commandText(token, waiting satisfies Shell, { ...line, run })
      const whole = await told(runner, sent, sent.length)
      expect(whole).toMatchObject({ stdout: `ran\non\n\u001e${token}:0\u001e` })
      await atEach(sent, async (bytes) => {
        const { stdout, stderr } = await told(runner, sent, bytes)
        const isStarted = stderr.includes(':started')
        // Before it began its end means nothing, as it is said by the shell that waited.
        expect([bytes, stdout.includes('ran')]).toEqual([bytes, false])
        if (isStarted) expect([bytes, stdout]).toEqual([bytes, `\u001e${token}:126\u001e`])
      })
    })
  })
}
