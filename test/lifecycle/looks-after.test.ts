/**
 * When a session looks at the sandbox, where that is a place of its own: once after a command, together with what its
 * runner looks for, and not before the next one if nothing was left.
 */
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Channel } from '../../src/sandbox.ts'
import { Session } from '../../src/session.ts'
import type { Look, Workspace } from '../../src/workspace.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'
import { canHaveOwnProcesses, type OwnProcesses, ownProcesses } from '../support/own-processes.ts'
import { hasPerl } from '../support/perl-attendant.ts'

const context = { signal: new AbortController().signal, report: () => {} }

describe.runIf(hasPerl && canHaveOwnProcesses)(
  'a session looks after its commands (needs all of perl, and root for a pid namespace)',
  () => {
    let own: OwnProcesses
    let sandbox: LocalSandbox
    let session: Session
    /** Until then no runner hears that its command's end was heard. */
    let hearing: Promise<void>
    const late = (channel: Channel): Channel => {
      const stdin = new PassThrough()
      let before = Promise.resolve()
      stdin.on('data', (piece: Buffer) => {
        const isAfterEnd = /^[0-9a-f]{18} \d+ \d*(?: hold)?\n/.test(piece.toString('latin1'))
        before = before.then(() => (isAfterEnd ? hearing : undefined))
        void before.then(() => channel.stdin.write(piece))
      })
      stdin.on('end', () => void before.then(() => channel.stdin.end()))
      return { ...channel, stdin }
    }
    /** What was looked at, in order. */
    let looks: Look[]
    beforeEach(async () => {
      own = await ownProcesses()
      sandbox = localSandbox({ shell: own.shell, through: late })
      looks = []
      const workspace: Partial<Workspace> = {
        workdir: async () => '/',
        open: async () => sandbox,
        sync: async (scripts, look) => {
          looks.push(look)
          if (look !== 'host') {
            await scripts.run('look', undefined, context.signal, 'command', 'look() { :; }')
          }
          return true
        },
        takeNews: () => [],
      }
      session = new Session(workspace as Workspace, { ephemeral: false })
      hearing = Promise.resolve()
      // Until perl has started, and the second runner.
      await expect
        .poll(async () => {
          for (let i = 0; i < 4; i++) await run('true')
          return takeLooks().slice(1)
        })
        .toEqual(['sandbox', ...Array(3).fill(['host', 'sandbox'])].flat())
    })
    afterEach(async () => {
      await session.close()
      await sandbox.quiet()
      sandbox.remove()
      await own.close()
    })

    const run = async (command: string) => {
      const request = { command, workdir: undefined, env: {} }
      const execution = await session.execute(request, context)
      await execution.result
      await session.settle(context)
    }
    const takeLooks = () => looks.splice(0)

    /** The first command's runner hears late, and the looks are those from then on. */
    const looksFrom = async (command: string) => {
      takeLooks()
      const known = session.executions.length
      const first = run(`sleep 0.3; ${command}`)
      // By now the runners of earlier ones have heard.
      await expect.poll(() => session.executions.length).toBeGreaterThan(known)
      let hear = () => {}
      hearing = new Promise((resolve) => {
        hear = resolve
      })
      await first
      const next = run('true')
      await expect.poll(() => looks.length).toBeGreaterThan(2)
      // It may wait for the runner of the first.
      hear()
      await next
      return takeLooks()
    }

    test('of one that has left nothing no more is heard before the next', async () => {
      // What is made ready for the next command while one begins is younger too.
      await expect
        .poll(() => looksFrom('ls / | wc -l; (true; true) & wait'), { timeout: 20_000 })
        .toEqual(['host', 'sandbox', 'host', 'sandbox'])
    })

    test.each(['sleep 60 >/dev/null 2>&1 &', 'setsid sleep 60 </dev/null >/dev/null 2>&1 &'])(
      'what one has left may change something until the next: %s',
      async (command) => {
        const looks = await looksFrom(command)
        expect(looks.slice(1)).toEqual(['sandbox', 'both', 'sandbox'])
      },
    )

    test('where looks do not tell, it is waited for what the runner finds', async () => {
      const server = 'setsid sleep 60 </dev/null >/dev/null 2>&1 & sleep 0.2'
      for (let i = 0; i < 2; i++) await run(server)
      takeLooks()
      await run('true')
      expect(takeLooks()).toEqual(['host', 'sandbox'])
    })
  },
)
