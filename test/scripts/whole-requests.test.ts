/**
 * What is cut off before its end is not run, and no exit code of it is told; what only takes long is. In dash, bash and
 * BusyBox.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scriptLine, waitForScript } from '../../src/backends/ssh/waiting-shell.ts'
import { commandText } from '../../src/runner/command-text.ts'
import { afterEnd, runnerScript, type Shell } from '../../src/runner/runner-script.ts'
import { attendantScript, request } from '../../src/scripts/attendant-script.ts'
import { hastyShells, shells } from '../support/local-sandbox.ts'

const token = 'abcdef0123456789ab'
const line = { workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const

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
      const sent = scriptLine(ours, 'mark')
      const whole = await told(waitForScript('mark'), sent, sent.length)
      expect(whole.stdout).toBe('markran\non\n')
      await atEach(sent, async (bytes) => {
        const { stdout } = await told(waitForScript('mark'), sent, bytes)
        expect([bytes, stdout]).toEqual([bytes, 'mark'])
      })
    })

    const waiting = path.includes('/bin:') ? 'bash5' : 'sh'
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

for (const [origin, { shell, path, env }] of Object.entries(hastyShells())) {
  describe(`a connection that pauses, where \`read\` has a limit from ${origin}`, () => {
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-pauses-'))
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    /** What a script prints that gets each of `sent` in two pieces, with pauses before and in between. */
    async function told(script: string, ...sent: Buffer[]) {
      const pieces = sent.flatMap((one) => [one.subarray(0, 5), one.subarray(5)])
      pieces.forEach((piece, at) => {
        writeFileSync(join(folder, `${at}`), piece)
      })
      const feed = pieces.map((_, at) => `sleep 0.3; cat ${join(folder, `${at}`)}`).join('; ')
      const words = ['-c', `{ ${feed}; } | "$0" -c "$1"`, shell, script]
      const child = spawn('/bin/sh', words, { env: { ...env, PATH: path }, detached: true })
      child.stdin.end()
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
      return { stdout, stderr }
    }

    const sizes: [string, string][] = [
      ['short', 'echo ran'],
      ['long', `echo ran # ${'x'.repeat(5_000)}`],
    ]

    test.each(sizes)('runs all of a %s script of ours, and what it reads', async (_size, ours) => {
      const script = `read -r one; read -r two; echo "$one $two"; ${ours}`
      const asked = request(token, script, Buffer.from('first\nsecond\n'))
      const halves = [asked.subarray(0, -8), asked.subarray(-8)]
      const { stdout } = await told(attendantScript(token, ''), ...halves)
      expect(stdout).toMatch(`first second\nran\n\u001f${token}:0\u001f`)
    })

    test.each(sizes)('runs all of a %s script over SSH', async (_size, ours) => {
      const { stdout } = await told(waitForScript('mark'), scriptLine(ours, 'mark'))
      expect(stdout).toBe('markran\n')
    })

    const waiting: Shell = path.includes('/bin:') ? 'bash5' : 'sh'
    test.each(sizes)('runs all of a %s command', async (_size, run) => {
      const sent = [
        commandText(token, waiting, { ...line, run }),
        Buffer.from(afterEnd(token, 99_999_999, undefined, false)),
      ]
      const { stdout, stderr } = await told(runnerScript(token, {}), ...sent)
      expect(stdout).toBe(`ran\n\u001e${token}:0\u001e`)
      expect(stderr).toContain(`${token}:gone`)
    })
  })
}
