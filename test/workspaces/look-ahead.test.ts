/** A command in a mirrored workspace is one way there and back: the look after it is asked for with it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Sandbox } from '../../src/sandbox.ts'
import { describeWhere } from '../support/available.ts'
import { type MirrorServer, startMirrorServer } from '../support/mirror-session.ts'
import type { TestSession } from '../support/sandbox-session.ts'

/** What looks at the sandbox is asked by these names, or by the first alone. */
const isLook = (text: string) => /nothing_recent|sbx_recent/.test(text)

describeWhere('bubblewrap', 'the look after a command', () => {
  let server: MirrorServer
  let session: TestSession
  /** All that is told to scripts, in the order of their telling. */
  let asked: string[]
  beforeAll(async () => {
    server = await startMirrorServer()
  })
  afterAll(() => server.close())
  beforeEach(async () => {
    session = await server.open({
      warm: false,
      prepare: (host) => writeFileSync(join(host, 'a.txt'), 'of the host\n'),
    })
    asked = []
    const { backend } = session
    const open = backend.open.bind(backend)
    backend.open = async (...request) => recorded(await open(...request))
  })
  afterEach(() => session.close())
  const host = (path: string) => join(session.host, path)

  function recorded(sandbox: Sandbox): Sandbox {
    const start = sandbox.start.bind(sandbox)
    sandbox.start = async (...request) => {
      const channel = await start(...request)
      const { stdin } = channel
      const write = stdin.write.bind(stdin) as (...given: unknown[]) => boolean
      stdin.write = (chunk: unknown, ...more: unknown[]) => {
        asked.push(String(chunk))
        return write(chunk, ...more)
      }
      return channel
    }
    return sandbox
  }

  /** The looks that `command` cost, and whether each was asked for ahead; and what it printed. */
  async function looksOf(command: string) {
    asked = []
    const { text } = await session.sh(command)
    const looks = asked.filter(isLook).map((ask) => / @\d+ /.test(ask.slice(0, 60)))
    return { looks, text }
  }

  /** Until perl is there, and has seen that only what was started for us is. */
  const ready = () => soon('true')
  const soon = (command: string) =>
    expect.poll(() => looksOf(command), { timeout: 20_000 }).toMatchObject({ looks: [true] })

  test('is asked for with it where it changes nothing, and where it does', async () => {
    await ready()
    for (const command of ['cat a.txt', 'false', 'sleep 0.3; cat a.txt; exit 4']) {
      await soon(command)
    }
    for (const round of [1, 2, 3]) {
      await soon(`echo made ${round} > made; echo ${round} > other-${round}`)
      expect(readFileSync(host('made'), 'utf8')).toBe(`made ${round}\n`)
      expect(existsSync(host(`other-${round}`))).toBe(true)
    }
  })

  test('sees what a command has left, and what that does then', async () => {
    await ready()
    const left = '(sleep 1; echo late > late) > /dev/null 2>&1 & echo soon > soon'
    const { looks } = await looksOf(left)
    // Something is younger than the command, so it was asked again.
    expect(looks).toContain(false)
    expect(readFileSync(host('soon'), 'utf8')).toBe('soon\n')
    await expect
      .poll(
        async () => {
          await session.sh('true')
          return existsSync(host('late'))
        },
        { timeout: 20_000 },
      )
      .toBe(true)
  })

  test('of commands at once is nobody’s, and what they have made is there', async () => {
    await ready()
    asked = []
    const all = [0, 1, 2, 3, 4, 5].map((n) => session.sh(`sleep 0.${n}; echo ${n} > at-once-${n}`))
    await Promise.all(all)
    for (const n of [0, 1, 2, 3, 4, 5]) {
      expect(readFileSync(host(`at-once-${n}`), 'utf8')).toBe(`${n}\n`)
    }
  })

  test('another server’s sync makes it out of date', async () => {
    const other = await server.open({ beside: session })
    await ready()
    for (const round of [1, 2, 3, 4, 5]) {
      // While that of the first has been answered or not, the other brings the host's new file to the sandbox.
      const running = session.sh(`sleep 0.2; echo ${round} > first`)
      writeFileSync(host('shared'), `host ${round}\n`)
      const { text } = await other.sh(`cat shared; echo ${round} > second`)
      expect(text).toContain(`host ${round}\n`)
      await running
      const { text: seen } = await session.sh('cat shared first second')
      expect(seen).toContain(`host ${round}\n${round}\n${round}\n`)
      expect(readFileSync(host('shared'), 'utf8')).toBe(`host ${round}\n`)
      expect(readFileSync(host('second'), 'utf8')).toBe(`${round}\n`)
    }
    await other.end()
  })
})
