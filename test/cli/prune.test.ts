/** What is removed because nobody has used it for long, and what never is. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readUse, writeUse } from '../../src/sessions/use-record.ts'
import { describeWhere, images } from '../support/available.ts'
import { json, startDockerDouble } from '../support/docker-double.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { startServer, textOf } from '../support/stdio-server.ts'
import { type Command, hasTerminals, newCommand, noDocker, onTerminal, steady } from './run.ts'

// Each starts a dozen programs one after the other.
vi.setConfig({ testTimeout: 180_000 })

let command: Command
let state: string
beforeEach(() => {
  command = newCommand()
  state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
})
afterEach(() => command.world.remove())

const hour = 3_600_000

/** As if nobody had used it for so long. */
function rest(name: string, ms: number): void {
  const use = readUse(state, name)
  if (use === undefined) throw new Error(`no use of ${name} is known`)
  writeUse(state, name, { ...use, usedMs: Date.now() - ms })
}

async function leaveSandbox(...args: string[]): Promise<string> {
  const server = await startServer(command.world, args)
  try {
    await server.call('exec', { command: 'true' })
    return server.sandbox
  } finally {
    await server.close()
  }
}

const prune = (...args: string[]) => command.run(['prune', ...args])

describeWhere('bubblewrap', 'prune, on bubblewrap', () => {
  const bubblewrap = ['--backend', 'bubblewrap'] as const

  test('what is idle for long enough is removed, after a look at it', async () => {
    const name = await leaveSandbox(...bubblewrap)
    const early = await prune('--idle', '2h')
    expect([early.stdout, early.exitCode]).toEqual(['', 0])
    rest(name, 3 * hour)
    const dry = await prune('--idle', '2h', '--dry-run')
    expect(steady(dry.stdout, command)).toMatchInlineSnapshot(`"sbx-name (idle for 3h; /project)"`)
    // By the settings it may stay a day.
    expect((await prune()).stdout).toBe('')
    const removed = await prune('--idle', '2h')
    expect([removed.stdout, removed.exitCode]).toEqual([name, 0])
    expect(readUse(state, name)).toBeUndefined()
    expect((await command.run(['list'])).stdout).toBe('')
  })

  test('what is in use is not, however long ago it was used or made', async () => {
    const server = await startServer(command.world, bubblewrap)
    try {
      await server.call('exec', { command: 'sleep 600', background: true })
      rest(server.sandbox, 1_000 * hour)
      const { stdout, exitCode } = await prune('--idle', '1s', '--age', '1s')
      expect([stdout, exitCode]).toEqual(['', 0])
    } finally {
      await server.close()
    }
    await command.run(['recreate', '--all', '--force'])
  })

  test('the settings of each agent hold for its own', async () => {
    const [one, two] = [
      await leaveSandbox(...bubblewrap, '--agent', 'one'),
      await leaveSandbox(...bubblewrap, '--agent', 'two'),
    ]
    for (const name of [one, two]) rest(name, 3 * hour)
    const file = { agents: { list: [{ id: 'two', sandbox: { prune: { idleHours: 1 } } }] } }
    mkdirSync(dirname(command.config), { recursive: true })
    writeFileSync(command.config, JSON.stringify(file))
    const { stdout } = await prune('--json')
    expect(JSON.parse(stdout).sandboxes).toMatchObject([{ name: two, outcome: 'removed' }])
    expect((await command.run(['recreate', '--all', '--force'])).stdout).toBe(one)
  })

  test('an engine is asked once what it has; one that fails then is told, and keeps none of the others', async () => {
    const name = await leaveSandbox(...bubblewrap)
    rest(name, 3 * hour)
    const known = readUse(state, name)
    if (known === undefined) throw new Error(`no use of ${name} is known`)
    const [one, two] = ['sbx-aaaaaaaaaaaaaaa', 'sbx-bbbbbbbbbbbbbbb']
    for (const each of [one, two]) writeUse(state, each, known)
    let lists = 0
    const engine = await startDockerDouble(command.world, state, { one, two }, (call, to, list) => {
      if (call === 'GET /containers/json' && ++lists === 1) list()
      else json(to, { message: 'the engine is ill' }, 500)
    })
    try {
      const { stdout, stderr, exitCode } = await command.run(['prune', '--idle', '2h'], engine.env)
      expect([stdout, exitCode, lists]).toEqual([name, 1, 1])
      for (const each of [one, two]) {
        expect(stderr).toContain(`\u2716 ${each} (idle for 3h; /elsewhere) could not be removed: `)
      }
    } finally {
      await engine.close()
    }
  })
})

describeWhere('docker', 'prune, on Docker', () => {
  const docker = ['--backend', 'docker', '--image', images.busybox] as const

  test('a sandbox with a call in flight is not removed, by the command or by another server', async () => {
    const server = await startServer(command.world, docker)
    const call = server.call('exec', {
      command: 'touch up; until [ -e done ]; do sleep 0.1; done; echo still here',
      yieldMs: 600_000,
    })
    const there = (name: string) => existsSync(join(command.world.workspace, name))
    await expect.poll(() => there('up'), { timeout: 60_000 }).toBe(true)
    rest(server.sandbox, 1_000 * hour)
    expect((await prune('--idle', '1s', '--age', '1s')).stdout).toBe('')
    rest(server.sandbox, 1_000 * hour)
    // It prunes at its start, and is done with that when it has ended.
    const other = await startServer(command.world, [...docker, '--agent', 'other'])
    await other.close()
    expect(other.log()).not.toContain('removed')
    writeFileSync(join(command.world.workspace, 'done'), '')
    expect(textOf(await call)).toMatch(/^still here\n/)
    await server.close()

    rest(server.sandbox, 1_000 * hour)
    const later = await startServer(command.world, [...docker, '--agent', 'other'])
    const said = `sandbox ${server.sandbox} of ${command.world.workspace} was idle and is removed`
    await expect.poll(() => later.log(), { timeout: 60_000 }).toContain(said)
    await later.close()
  })
})

describeWhere('ssh', 'prune, over SSH', () => {
  test.runIf(hasTerminals)(
    'a workspace that is nowhere else is removed by a yes alone',
    async () => {
      const server = await startSshServer()
      try {
        const { settings } = server
        const file = { agents: { defaults: { sandbox: { backend: 'ssh', ssh: settings } } } }
        mkdirSync(dirname(command.config), { recursive: true })
        writeFileSync(command.config, JSON.stringify(file))
        const name = await leaveSandbox()
        rest(name, 3 * hour)
        const unasked = await prune('--idle', '2h')
        expect(unasked.stdout).toBe('')
        expect(steady(unasked.stderr, command)).toMatchInlineSnapshot(
          `"! sbx-name (idle for 3h; /project) is kept: its workspace is nowhere else; copy what you need from it, then "sandbox-mcp recreate sbx-name" removes it"`,
        )
        const asked = await onTerminal(command, ['prune', '--idle', '2h'], '[y/N]', 'y')
        expect([asked.exitCode, asked.screen]).toEqual([0, expect.stringContaining(`\n${name}`)])
        expect((await command.run(['list'])).stdout).toBe('')
      } finally {
        await server.close()
      }
    },
  )
})

test('where no server was ever started there is nothing to remove, and nothing is made', async () => {
  const { stderr, stdout, exitCode } = await prune()
  expect([stdout, exitCode]).toEqual(['', 0])
  expect(stderr).toContain('Nothing is idle or old enough to be removed.')
  expect(existsSync(state)).toBe(false)
})

const old = new Date(Date.now() - 48 * hour)

/** A private workspace of that key, with a file; nothing in it was changed since. */
function make(directory: string, key: string, at = old): string {
  const path = join(directory, key)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'file'), 'x')
  for (const one of [join(path, 'file'), path]) utimesSync(one, at, at)
  return path
}

test('private workspaces of no sandbox are removed when they are old, and nothing else', async () => {
  const [project, workspaces] = [command.world.workspace, join(state, 'workspaces')]
  const chosen = join(command.world.temporary, 'chosen')
  const orphan = make(workspaces, 'sbx-aaaaaaaaaaaaaaa')
  const agents = make(workspaces, 'main')
  const fresh = make(workspaces, 'sbx-bbbbbbbbbbbbbbb', new Date())
  const ours = make(chosen, 'sbx-ccccccccccccccc')
  const theirs = make(chosen, 'main')
  writeFileSync(join(project, 'mine'), 'x')
  symlinkSync(project, join(workspaces, 'sbx-ddddddddddddddd'))
  const args = ['--workspaces', '--idle', '1d', '--set', `workspaceRoot=${chosen}`]

  const unsure = await command.run(['prune', ...args], noDocker)
  expect([unsure.stdout, unsure.exitCode]).toEqual(['', 1])
  expect(existsSync(orphan)).toBe(true)

  const dry = await prune(...args, '--dry-run')
  expect(steady(dry.stdout, command).split('\n').sort().join('\n')).toMatchInlineSnapshot(`
    "main (of no sandbox, unchanged for 2d; /world/state/sandbox-mcp/workspaces/main)
    sbx-name (of no sandbox, unchanged for 2d; /world/state/sandbox-mcp/workspaces/sbx-name)
    sbx-name (of no sandbox, unchanged for 2d; /world/tmp/chosen/sbx-name)"
  `)
  expect(existsSync(orphan)).toBe(true)
  const { stdout } = await prune(...args)
  expect(stdout.split('\n').sort()).toEqual(['main', 'sbx-aaaaaaaaaaaaaaa', 'sbx-ccccccccccccccc'])
  expect([orphan, agents, ours].filter(existsSync)).toEqual([])
  expect([fresh, theirs].filter(existsSync)).toEqual([fresh, theirs])
  expect(readFileSync(join(project, 'mine'), 'utf8')).toBe('x')
})

test('a private workspace whose sandbox is gone, or that is too large to judge, is kept, and that is said', async () => {
  const workspaces = join(state, 'workspaces')
  // As a restart of the machine leaves it: only read for days, and a minute ago for the last time.
  const used = make(workspaces, 'main')
  const record = { agent: 'main', session: 'main', scopeKey: 's' }
  const use = (usedMs: number, workspace: string) => ({ ...record, usedMs, workspace })
  writeUse(state, 'sbx-aaaaaaaaaaaaaaa', use(Date.now() - 60_000, used))
  const unused = make(workspaces, 'other')
  writeUse(state, 'sbx-bbbbbbbbbbbbbbb', use(old.getTime(), unused))
  const large = make(workspaces, 'large one')
  mkdirSync(join(large, 'a'))
  writeFileSync(join(large, 'a', 'file'), 'x')
  utimesSync(join(large, 'a', 'file'), old, old)
  const many = join(large, 'b')
  mkdirSync(many)
  const first = join(many, 'first')
  writeFileSync(first, '')
  utimesSync(first, old, old)
  for (let at = 0; at < 10_000; at++) linkSync(first, join(many, `${at}`))
  for (const directory of [join(large, 'a'), many, large]) utimesSync(directory, old, old)

  const { stdout, stderr } = await prune('--workspaces', '--idle', '1d')
  expect([stdout, stderr]).toEqual(['other', expect.stringContaining(unused)])
  expect([used, large, unused].filter(existsSync)).toEqual([used, large])
  const [line = ''] = steady(stderr, command)
    .split('\n')
    .filter((one) => one.startsWith('!'))
  expect(line).toMatchInlineSnapshot(
    `"! large one (of no sandbox; /world/state/sandbox-mcp/workspaces/large one) is kept: it has more than 10,000 entries, so that it cannot be told whether something in it was changed lately; copy what you need from it, then "rm -rf -- '/world/state/sandbox-mcp/workspaces/large one'" removes it"`,
  )
  const { stdout: json } = await prune('--workspaces', '--idle', '1d', '--json')
  expect(JSON.parse(json).workspaces).toMatchObject([{ name: 'large one', outcome: 'kept' }])
  utimesSync(large, new Date(), new Date())
  expect((await prune('--workspaces', '--idle', '1d')).stderr).not.toContain('large one')
})

test('of however many something is printed, each is a line and nothing else is said', async () => {
  const keys = Array.from({ length: 20 }, (_, at) => `agent-${at}`)
  for (const key of keys) make(join(state, 'workspaces'), key)
  const { stdout, stderr } = await prune('--workspaces', '--idle', '1d')
  expect(stdout.split('\n').sort()).toEqual(keys.sort())
  expect(steady(stderr, command)).not.toContain('Warning')
})
