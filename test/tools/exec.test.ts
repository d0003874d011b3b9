/** exec in real sandboxes: what runs, what is told of it, and what is left when it is over. */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeSessions, type TestSession } from '../support/sandbox-session.ts'
import { processesWith } from '../support/stdio-server.ts'

const soon = { timeout: 15_000, interval: 50 }
const marker = () => String(randomInt(10_000_000, 99_999_999))

describeSessions('exec', (open) => {
  let it: TestSession
  beforeAll(async () => {
    it = await open()
  })
  afterAll(() => it?.close())

  describe('what runs', () => {
    test('output, exit code, duration and sizes are told', async () => {
      const { text, facts, blocks } = await it.sh('echo out; echo err >&2; exit 3')
      expect(text).toMatch(/^(out\nerr|err\nout)\n\n\[exit code 3 after [\d.]+ s\]$/)
      expect(facts).toMatchObject({
        outcome: 'exited',
        exitCode: 3,
        stdoutBytes: 4,
        stderrBytes: 4,
      })
      expect(facts).toMatchObject({ omittedBytes: 0, cursor: 8 })
      expect(facts.durationMs).toBeTypeOf('number')
      expect(blocks).toEqual(['text'])
    })

    test('a signal is named', async () => {
      const { text, facts } = await it.sh('kill -SEGV $$')
      expect(text).toMatch(/\[exit code 139 \(SIGSEGV\) after/)
      expect(facts).toMatchObject({ exitCode: 139, signal: 'SIGSEGV' })
      expect((await it.sh('kill -KILL $$')).text).toContain('SIGKILL, perhaps out of memory')
    })

    test('a command that is not there is exit code 127 with the words of the shell', async () => {
      const { text, facts } = await it.sh('no-such-command-here')
      expect(facts).toMatchObject({ outcome: 'exited', exitCode: 127 })
      expect(text).toContain('not found')
    })

    test('without stdin a command sees end-of-file, and with it the text', async () => {
      expect((await it.sh('cat; echo end')).facts.output).toBe('end\n')
      expect((await it.sh('cat', { stdin: 'a\u00e9\n\0b' })).facts.output).toBe('a\u00e9\n\u2400b')
      expect((await it.sh('exit 0', { stdin: 'x'.repeat(300_000) })).facts.exitCode).toBe(0)
      expect((await it.sh('wc -c', { stdin: 'x'.repeat(300_000) })).text).toContain('300000')
    })

    test('workdir can be relative, absolute, or the host\u2019s own', async () => {
      await it.sh('mkdir -p sub')
      expect((await it.sh('pwd', { workdir: 'sub' })).facts.output).toBe(`${it.root}/sub\n`)
      expect((await it.sh('pwd', { workdir: '/tmp' })).facts.output).toBe('/tmp\n')
      for (const root of [it.host, it.root, '/workspace']) {
        const { facts } = await it.sh('pwd', { workdir: join(root, 'sub') })
        expect(facts.output).toBe(`${it.root}/sub\n`)
      }
    })

    test.each([
      [{ command: ' ' }, 'command is empty'],
      [{ command: 'a\0b' }, 'NUL'],
      [{ command: 'echo \ud800' }, 'surrogate'],
      [{ workdir: '../..' }, 'PATH_OUTSIDE'],
      [{ workdir: '  ' }, 'workdir is blank'],
      [{ workdir: 'nowhere' }, 'COMMAND_NOT_STARTED'],
      [{ env: { 'a-b': 'x' } }, '"a-b" is not a variable name'],
      [{ env: { A: 'x\0' } }, 'NUL'],
      [{ stdin: '\udc00' }, 'surrogate'],
      [{ timeoutSeconds: -1 }, 'timeoutSeconds'],
      [{ colour: true }, 'colour'],
    ])('%j is refused in words, and nothing runs', async (args, words) => {
      const { text, isError } = await it.call('exec', { command: 'touch ran', ...args })
      expect(isError).toBe(true)
      expect(text).toContain(words)
      expect(existsSync(join(it.files, 'ran'))).toBe(false)
    })

    test('the environment is what is given and the sandbox\u2019s own, not the server\u2019s', async () => {
      process.env.SANDBOX_MCP_TEST_SECRET = 'do not tell'
      const { facts } = await it.sh('env', { env: { GIVEN: "it's $HOME\n`x`" } })
      delete process.env.SANDBOX_MCP_TEST_SECRET
      expect(facts.output).toContain("GIVEN=it's $HOME\n`x`\n")
      expect(facts.output).not.toContain('do not tell')
      expect((await it.sh('echo "[$GIVEN]"; pwd')).facts.output).toBe(`[]\n${it.root}\n`)
    })
  })

  describe('when it ends', () => {
    test('a call ends with its command, and what it left in the background lives on', async () => {
      const { facts } = await it.sh('sleep 1000 & echo $! >sleeper; echo started', {
        yieldMs: 600_000,
      })
      expect(facts).toMatchObject({ outcome: 'exited', output: 'started\n' })
      expect((await it.sh('kill $(cat sleeper)')).facts.exitCode).toBe(0)
    })

    test('a timeout ends all it started, and is a result with what was printed', async () => {
      const mark = marker()
      const { text, facts, isError } = await it.sh(`echo before; sleep ${mark} & sleep ${mark}`, {
        timeoutSeconds: 0.3,
      })
      expect(isError).toBe(false)
      expect(text).toMatch(/^before\n\n\[timed out and was killed after/)
      expect(facts).toMatchObject({ outcome: 'timed-out', output: 'before\n' })
      await expect.poll(() => processesWith(`sleep ${mark}`), soon).toEqual([])
    })

    test('the timeout counts in the background too', async () => {
      const { facts } = await it.sh('sleep 60', { timeoutSeconds: 0.5, background: true })
      const ended = await it.call('process', { action: 'poll', id: facts.id, waitMs: 30_000 })
      expect(ended.facts).toMatchObject({ outcome: 'timed-out' })
    })

    test('a cancel ends all it started, and its output is still to be had', async () => {
      const mark = marker()
      const abort = new AbortController()
      const seen: string[] = []
      const progress = (_: number, message: string) => {
        seen.push(message)
        // What is done before it on a busy machine may be told too.
        if (message === 'partial') abort.abort()
      }
      const signal = abort.signal
      await it.sh(`echo partial; sleep ${mark} & sleep ${mark}`, {}, { signal, progress })
      await expect.poll(() => processesWith(`sleep ${mark}`), soon).toEqual([])
      expect(seen).toContain('partial')
      const list = (await it.call('process', { action: 'list' })).facts.processes as {
        id: string
        outcome: string
      }[]
      const last = list.at(-1)
      expect(last).toMatchObject({ outcome: 'cancelled', stdoutBytes: 8 })
      const polled = await it.call('process', { action: 'poll', id: last?.id })
      expect(polled.facts).toMatchObject({ outcome: 'cancelled', output: 'partial\n' })
    })

    test('a call that is cancelled before it starts runs nothing', async () => {
      const { text } = await it.sh('touch cancelled-ran', {}, { signal: AbortSignal.abort() })
      expect(text).toContain('CANCELLED')
      expect(existsSync(join(it.files, 'cancelled-ran'))).toBe(false)
    })

    // Each call of a mirrored workspace has a sync before and after it.
    test('output after cancelled calls is whole, 60 of 60', { timeout: 240_000 }, async () => {
      for (let round = 0; round < 3; round += 1) {
        const abort = new AbortController()
        const cancelled = it.sh(
          'echo x; sleep 60',
          {},
          { signal: abort.signal, progress: () => abort.abort() },
        )
        const outputs = await Promise.all(
          Array.from({ length: 20 }, (_, at) => it.sh(`echo line ${at}; echo done ${at}`)),
        )
        expect(outputs.map(({ facts }) => facts.output)).toEqual(
          outputs.map((_, at) => `line ${at}\ndone ${at}\n`),
        )
        await cancelled
      }
    })

    test('a command that outlasts yieldMs goes on, and its lifetime is told', async () => {
      const { text, facts } = await it.sh(
        'echo first; until [ -e go ]; do sleep 0.1; done; echo last',
        {
          yieldMs: 300,
        },
      )
      expect(facts).toMatchObject({ outcome: 'running', output: 'first\n' })
      expect(facts.exitCode).toBeUndefined()
      expect(text).toContain(`still running`)
      expect(text).toContain('ends with this session')
      await it.sh('touch go')
      const ended = await it.call('process', { action: 'poll', id: facts.id })
      expect(ended.facts).toMatchObject({ outcome: 'exited', exitCode: 0, output: 'last\n' })
      await it.sh('rm go')
    })

    test('background returns at once, and tells what fails at once', async () => {
      const began = performance.now()
      const { facts } = await it.sh('sleep 30', { background: true })
      expect(facts).toMatchObject({ outcome: 'running' })
      expect(performance.now() - began).toBeLessThan(3_000)
      await it.call('process', { action: 'kill', id: facts.id })
      const failed = await it.sh('echo no such port; exit 4', { background: true })
      expect(failed.facts).toMatchObject({
        outcome: 'exited',
        exitCode: 4,
        output: 'no such port\n',
      })
    })
  })

  describe('what is told of the output', () => {
    test('nothing printed is told as such', async () => {
      expect((await it.sh('true')).text).toMatch(/^\(no output\)\n\n\[exit code 0/)
      expect((await it.sh("printf '\\033[0m'")).text).toMatch(/^\(nothing but control sequences\)/)
    })

    test('bytes that are not UTF-8 are replaced and counted', async () => {
      const { text, facts } = await it.sh("printf '\\377\\376\\000\\303'")
      expect(facts).toMatchObject({ output: '\ufffd\ufffd\u2400\ufffd', stdoutBytes: 4 })
      expect(text).toContain('1 control characters shown as symbols')
      expect(text).toContain('3 byte sequences that are not UTF-8 shown as \ufffd')
    })

    test('lone continuation bytes, U+2028 and a true U+FFFD stay apart', async () => {
      const { text, facts } = await it.sh("printf '\\200a\\342\\200\\250b\\357\\277\\275'")
      expect(facts.output).toBe('\ufffda\u2028b\ufffd')
      expect(text).toContain('1 byte sequences')
    })

    test('characters cut between writes and mixed with the other stream arrive whole', async () => {
      const { facts } = await it.sh(
        "printf '\\342'; sleep 0.1; printf 'x' >&2; printf '\\202'; sleep 0.1; printf '\\254\\n'",
      )
      expect(facts.output).toBe('x\u20ac\n')
    })

    test('colours go, progress bars keep their last state, and it is said', async () => {
      const { text, facts } = await it.sh(
        "printf '\\033[1;31mred\\033[0m \\033]8;;http://x\\007link\\033]8;;\\007\\r\\n10%%\\r20%%\\r\\rdone\\r\\n'",
      )
      expect(facts.output).toBe('red link\ndone\n')
      expect(text).toContain('4 terminal escape sequences taken out')
      expect(text).toContain('2 progress texts that were overwritten left out')
    })

    test('long output is cut at lines, with exact sizes and a link to all of it', async () => {
      const { text, facts, blocks } = await it.sh('seq 1 100000')
      const bytes = 588_895
      expect(facts.stdoutBytes).toBe(bytes)
      const output = facts.output as string
      expect(output.length).toBeLessThan(30_000)
      expect(text.length).toBeLessThan(30_500)
      const [head = '', tail = ''] = output.split(/\n\[.*\]\n/)
      const omission =
        /\n\[(\d+) bytes \((\d+) lines\) left out here; all 588895 bytes: .*\]\n/.exec(output)
      const headLines = head.split('\n')
      const tailLines = tail.trimEnd().split('\n')
      expect(headLines).toEqual(headLines.map((_, at) => String(at + 1)))
      expect(tailLines).toEqual(
        tailLines.map((_, at) => String(100_000 - tailLines.length + at + 1)),
      )
      expect(Number(omission?.[1])).toBe(bytes - head.length - 1 - tail.length)
      expect(Number(omission?.[2])).toBe(100_000 - headLines.length - tailLines.length)
      expect(facts.omittedBytes).toBe(Number(omission?.[1]))
      expect(output).toContain(`exec://${facts.id}`)
      expect(blocks).toEqual(['text', 'resource_link'])
    })

    test('one endless line is cut between characters', async () => {
      const { facts } = await it.sh(
        "i=0; while [ $i -lt 5000 ]; do printf '\\342\\202\\254\\342\\202\\254\\342\\202\\254'; i=$((i+1)); done",
      )
      const output = facts.output as string
      expect(output.replace(/\n\[.*\]\n/, '')).toMatch(/^\u20ac+$/)
      expect(facts.stdoutBytes).toBe(45_000)
    })

    test('progress tells the last lines and ever larger totals', async () => {
      const told: [number, string][] = []
      await it.sh(
        'for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done',
        {},
        { progress: (done, message) => told.push([done, message]) },
      )
      const printing = told.filter(([done]) => done > 0)
      expect(printing.at(-1)).toEqual([35, 'line 3\nline 4\nline 5'])
      expect(printing.map(([done]) => done)).toEqual([...new Set(printing.map(([done]) => done))])
    })

    test('a log that reached its limit is told as lost, not as no output', async () => {
      const small = await open({
        outputLimits: { headBytes: 100, tailBytes: 100, logBytes: 1_000 },
      })
      try {
        const { text, facts } = await small.sh('seq 1 2000')
        expect(text).toMatch(/\d+ of them are lost: logs end at 1000 bytes/)
        expect(facts.stdoutBytes).toBe(8_893)
        const early = await small.call('process', { action: 'log', id: facts.id, cursor: 900 })
        expect(early.facts.cursor).toBe(1_000)
        const late = await small.call('process', { action: 'log', id: facts.id, cursor: 1_000 })
        expect(late.text).toMatch(/bytes 1000 to \d+ are lost: logs end at 1000 bytes/)
        expect(late.facts.output).toMatch(/1999\n2000\n$/)
      } finally {
        await small.close()
      }
    })
  })

  // It makes and fills three of them, on machines that are busy.
  test('a sandbox that goes away under a command is told, with its output, and opened anew', {
    timeout: 240_000,
  }, async () => {
    const fragile = await open()
    try {
      const remove = () => fragile.backend.remove(fragile.spec.name, new AbortController().signal)
      const other = await fragile.sh('echo background; sleep 60', { background: true })
      let removing: Promise<void> | undefined
      const lost = await fragile.sh(
        'echo printed; sleep 60',
        {},
        {
          progress: (done) => {
            if (done > 0) removing ??= remove()
          },
        },
      )
      await removing
      expect(lost.isError).toBe(true)
      expect(lost.text).toMatch(/^SANDBOX_LOST: .*had printed 8 bytes, which process action "log"/)
      const id = /with id ([\w-]+)/.exec(lost.text)?.[1]
      const log = await fragile.call('process', { action: 'log', id })
      expect(log.facts).toMatchObject({ outcome: 'lost', output: 'printed\n' })
      const polled = await fragile.call('process', { action: 'poll', id: other.facts.id })
      expect(polled.text).toMatch(/\[lost after .*went away/)
      const anew = await fragile.sh('echo anew')
      const [told = '', news] = anew.text.split(/\n(?=\[\/workspace )/)
      expect(told).toMatch(/^anew\n\n\[exit code 0[^\n]*$/)
      expect(news !== undefined).toBe(fragile.remote)

      // Lost between calls: the next one tells it, by an error or by a note.
      await fragile.sh('sleep 60', { background: true })
      await remove()
      const texts: string[] = []
      const next = async () => {
        const { text, facts } = await fragile.sh('echo again')
        texts.push(text)
        return facts.output
      }
      await expect.poll(next, soon).toBe('again\n')
      expect(texts.join('\n')).toMatch(/went away/)
      expect((await fragile.sh('true')).text).not.toMatch(/went away/)
    } finally {
      await fragile.close()
    }
  })
})
