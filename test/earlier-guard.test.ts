/** What a guard leaves running whose connection is gone, though it hears of no end: an engine was restarted. */
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { sandboxLost } from '../src/errors.ts'
import { spawn } from '../src/process.ts'
import { SandboxOpening } from '../src/sandbox-opening.ts'
import { Attendant } from '../src/scripts/attendant.ts'
import { unnoted } from '../src/session-options.ts'
import type { Workspace } from '../src/workspace.ts'
import { localSandbox, shells } from './support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }
const soon = { timeout: 20_000 }

/** Nobody may have taken notice yet of one that has ended. */
const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

for (const [name, place] of Object.entries(shells())) {
  test(`it is ended before the sandbox is open again, and nothing else is (${name})`, async () => {
    const sandbox = localSandbox(place)
    const workspace = { open: async () => sandbox } as unknown as Workspace
    const opening = new SandboxOpening(workspace, unnoted, () => {}, {})
    const first = await opening.guard(context)
    const lost = await spawn(first, 'trap "" TERM; sleep 1000 & setsid sleep 1000', {
      workdir: '/',
      stdin: 'open',
    })
    const attendant = new Attendant(first)
    const shell = async () =>
      Number(
        (await attendant.run({ script: 'echo "$$"', signal: context.signal, functions: ':' }))
          .stdout,
      )
    // It is one shell from when it has started.
    await expect.poll(async () => (await shell()) - (await shell()), soon).toBe(0)
    const unmarked = await shell()
    const other = localSandbox(place)
    const theirs = new SandboxOpening(
      { open: async () => other } as unknown as Workspace,
      unnoted,
      () => {},
      {},
    )
    const stranger = await spawn(await theirs.guard(context), 'read -r line; echo "$line"', {
      workdir: '/',
      stdin: 'open',
    })

    opening.lose(first, sandboxLost(sandbox.name, 'its connection broke'))
    const second = await opening.guard(context)

    await expect.poll(() => [-lost.group, unmarked].filter(isThere), soon).toEqual([])
    expect((await first.lost).message).toContain('went away')
    const again = await spawn(second, 'echo here', { workdir: '/' })
    expect(await text(again.stdout)).toBe('here\n')
    stranger.stdin.end('there\n')
    expect(await text(stranger.stdout)).toBe('there\n')

    for (const each of [opening, theirs]) {
      await each.close()
      await each.opened?.close()
    }
    await expect.poll(() => sandbox.running, soon).toBe(0)
    for (const each of [sandbox, other]) each.remove()
  })
}
