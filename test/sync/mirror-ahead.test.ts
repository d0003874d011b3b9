/** A look at the sandbox that was asked for ahead, and what the host has sent between that look and its use. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attendedScripts } from '../../src/attended-scripts.ts'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { spawn } from '../../src/process.ts'
import type { Channel } from '../../src/sandbox.ts'
import { Attendant } from '../../src/scripts/attendant.ts'
import type { Ahead, Alone } from '../../src/scripts/script.ts'
import type { Mirror } from '../../src/sync/mirror.ts'
import type { Look } from '../../src/sync/mirror-options.ts'
import { recentShortcuts } from '../../src/sync/sandbox/recent-shortcut.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'
import { canHaveOwnProcesses, type OwnProcesses, ownProcesses } from '../support/own-processes.ts'
import { hasPerl } from '../support/perl-attendant.ts'

const never = new AbortController().signal
const context = { signal: never, report: () => {} }

describe.runIf(hasPerl && canHaveOwnProcesses)(
  'a look that was asked for ahead (needs all of perl, and root for a pid namespace)',
  () => {
    let own: OwnProcesses
    let sandbox: LocalSandbox
    let guard: Guard
    let attendant: Attendant
    let host: string
    let mirror: Mirror
    /** All that scripts have printed since it was emptied. */
    let said: string
    beforeEach(async () => {
      said = ''
      own = await ownProcesses()
      sandbox = localSandbox({ shell: own.shell, beside: true, through: heard })
      guard = await openGuard(sandbox, never, {}, true)
      attendant = new Attendant(guard, recentShortcuts)
      host = join(sandbox.folder, 'host')
      mkdirSync(host)
      writeFileSync(join(host, 'first'), 'first')
      mirror = newMirror(host, join(sandbox.folder, 'state/ancestor'))
    })
    afterEach(async () => {
      await mirror.close()
      await guard.close()
      await own.close()
      sandbox.remove()
    })

    function heard(channel: Channel): Channel {
      const stdout = new Transform({
        transform: (bytes: Buffer, _, done) => {
          said += bytes.toString()
          done(null, bytes)
        },
      })
      return { ...channel, stdout: channel.stdout.pipe(stdout) }
    }
    const sync = (look: Look, alone?: Alone) =>
      mirror.sync(attendedScripts(attendant, alone), look, context)

    /** Once it is answered: its command has ended, and nothing is left of that. */
    async function answered(): Promise<Ahead> {
      for (;;) {
        await sync('both')
        const foretold = await mirror.foretell(sandbox, never)
        let ahead: Ahead | undefined
        const given = (group: number) =>
          queueMicrotask(() => {
            ahead = foretold && attendant.ahead(foretold, group)
          })
        said = ''
        const command = await spawn(guard, 'sleep 0.05', { workdir: '/', given })
        command.stdout.resume()
        command.stderr.resume()
        await command.exit
        if (ahead === undefined) continue
        const has = (word: string) => said.includes(`:${word}\u001f`)
        await expect.poll(() => has('0') || has('dropped'), { timeout: 20_000 }).toBe(true)
        if (has('0')) return ahead
      }
    }

    test('is used where nothing came between', async () => {
      const alone: Alone = { base: 1, isKnown: false, ahead: await answered() }
      await sync('sandbox', alone)
      expect(alone.isKnown).toBe(true)
    })

    test('is of no use after a push by a channel of its own, whose files would seem to be deleted', async () => {
      const ahead = await answered()
      for (let i = 0; i < 70; i++) writeFileSync(join(host, `new-${i}`), 'new')
      await sync('host')
      const { toHost } = await sync('sandbox', { base: 1, isKnown: false, ahead })
      expect(toHost).toEqual([])
      expect(readdirSync(host)).toHaveLength(71)
      expect(readdirSync(sandbox.root)).toHaveLength(71)
    })
  },
)
