/** What peers do wrong with commands, over the real protocol: the built server and the SDK's client. */
import { randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Progress } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWhere, images } from '../support/available.ts'
import {
  newWorld,
  processesWith,
  type RunningServer,
  startServer,
  textOf,
  type World,
} from '../support/stdio-server.ts'

const soon = { timeout: 15_000, interval: 50 }
/** The SDK's client closes the connection at 10 MiB. */
const frameLimit = 1024 * 1024

for (const part of ['bubblewrap', 'docker'] as const) {
  describeWhere(part, `${part}: exec over MCP`, () => {
    let world: World
    let server: RunningServer

    beforeAll(async () => {
      world = newWorld()
      const secret = { ...world.env, SANDBOX_MCP_TEST_SECRET: 'do not tell' }
      const image = part === 'docker' ? ['--image', images.debian] : []
      const flags = ['--backend', part, ...image, '--ephemeral']
      server = await startServer({ ...world, env: secret }, flags)
      await server.call('exec', { command: 'true' })
    })
    afterAll(async () => {
      await server?.close()
      world?.remove()
    })

    const told = async (
      command: string,
      args: object = {},
      hear: (notices: readonly Progress[]) => void = () => {},
    ) => {
      const notices: Progress[] = []
      const result = await server.client.callTool(
        { name: 'exec', arguments: { command, ...args } },
        undefined,
        {
          timeout: 300_000,
          onprogress: (notice) => {
            notices.push(notice)
            hear(notices)
          },
        },
      )
      return { result, notices, facts: result.structuredContent as Record<string, unknown> }
    }
    const residentMegabytes = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024

    test('a cancelled call leaves no process, and its output can be had', async () => {
      const mark = String(randomInt(10_000_000, 99_999_999))
      const abort = new AbortController()
      const command = `echo partial; sleep ${mark} & setsid sleep ${mark} & sleep ${mark}`
      const call = server.call('exec', { command, yieldMs: 600_000 }, abort.signal)
      await expect.poll(() => processesWith(`sleep ${mark}`).length, soon).toBeGreaterThan(2)
      abort.abort()
      await expect(call).rejects.toThrow()
      await expect.poll(() => processesWith(`sleep ${mark}`), soon).toEqual([])
      const rows = async () =>
        (await server.call('process', { action: 'list' })).structuredContent?.processes as {
          id: string
          outcome: string
        }[]
      await expect.poll(async () => (await rows()).at(-1)?.outcome, soon).toBe('cancelled')
      const id = (await rows()).at(-1)?.id
      const log = await server.call('process', { action: 'log', id })
      expect(log.structuredContent).toMatchObject({ output: 'partial\n' })
      const resource = await server.client.readResource({ uri: `exec://${id}` })
      expect(JSON.stringify(resource.contents)).toContain('partial')
    })

    test('output after cancelled calls is whole, 60 of 60', async () => {
      const outputs: string[] = []
      for (let at = 0; at < 60; at += 1) {
        const abort = new AbortController()
        if (at % 10 === 0) {
          const doomed = server.call('exec', { command: 'echo x; sleep 60' }, abort.signal)
          doomed.catch(() => {})
          abort.abort()
        }
        outputs.push(textOf(await server.call('exec', { command: `echo line ${at}` })))
      }
      expect(outputs).toEqual(
        outputs.map((_, at) => expect.stringMatching(`^line ${at}\n\n\\[exit`)),
      )
    })

    test('progress grows, comes at most four times a second, and ends with the result', async () => {
      const { notices, facts } = await told(
        'i=0; while [ $i -lt 300 ]; do echo step $i; sleep 0.005; i=$((i+1)); done',
      )
      const atEnd = notices.length
      expect(atEnd).toBeGreaterThan(2)
      expect(atEnd).toBeLessThanOrEqual(Math.ceil((facts.durationMs as number) / 250) + 1)
      for (const [at, notice] of notices.entries()) {
        if (at > 0) expect(notice.progress).toBeGreaterThan(notices[at - 1]?.progress ?? Infinity)
        expect(notice.message).toMatch(/^step \d+(\nstep \d+)*$/)
      }
      await server.call('exec', { command: 'echo another call' })
      expect(notices.length).toBe(atEnd)
    })

    test('a silent command shows that it is alive', async () => {
      const go = join(world.workspace, 'go')
      const { notices } = await told(
        'until [ -e go ]; do sleep 0.1; done',
        { yieldMs: 600_000 },
        // Twice, so that it is seen to go on, and not to come more often.
        ({ length }) => length === 2 && writeFileSync(go, ''),
      )
      for (const [at, { message }] of notices.entries()) {
        const [, seconds] = /^running for (\d+) s$/.exec(message ?? '') ?? []
        expect(Number(seconds)).toBeGreaterThanOrEqual(5 * (at + 1))
      }
    })

    test('odd bytes make valid messages', async () => {
      const { facts } = await told(
        "printf '\\377\\376\\000\\303 \\033[1mbold \\200 \\342\\200\\250 \\342\\200\\251 \\355\\240\\200 \"\\\\\\n'",
      )
      expect(facts).toMatchObject({ outcome: 'exited', exitCode: 0 })
      expect(facts.output).toMatch(
        /^\ufffd\ufffd\u2400\ufffd bold \ufffd \u2028 \u2029 \ufffd+ "\\\n$/,
      )
      const random = await told('head -c 3000000 /dev/urandom')
      expect(random.facts).toMatchObject({ stdoutBytes: 3_000_000 })
      expect(JSON.stringify(random.result).length).toBeLessThan(frameLimit)
    })

    test('500 MB of output are counted, cut, and take bounded memory', async () => {
      // What the collector leaves lying about levels off; then ten times as much takes no more.
      await told('yes | head -c 50000000', { yieldMs: 600_000 })
      const before = residentMegabytes()
      let peak = 0
      const watching = setInterval(() => {
        peak = Math.max(peak, residentMegabytes())
      }, 20)
      const { result, facts } = await told('yes | head -c 500000000', { yieldMs: 600_000 })
      clearInterval(watching)
      expect(facts).toMatchObject({ outcome: 'exited', exitCode: 0, stdoutBytes: 500_000_000 })
      expect(facts.output).toMatch(
        /\[\d+ bytes \(\d+ lines\) left out here; \d+ of them are lost: logs end at/,
      )
      expect(JSON.stringify(result).length).toBeLessThan(frameLimit)
      // Mostly 4 to 10, and at times 30, by the collector's whim: far from 500 either way.
      expect(peak - before).toBeLessThan(150)
    }, 120_000)

    test("the server's environment is not the command's", async () => {
      expect((await told('env')).facts.output).not.toContain('do not tell')
      expect((await told('cat /proc/1/environ | tr "\\0" "\\n"')).facts.output).not.toContain(
        'do not tell',
      )
    })
  })
}
