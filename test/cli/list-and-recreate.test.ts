/** The sandboxes there are, and beginning anew. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { takeLease } from '../../src/sessions/lease.ts'
import { isUnsettled, markUnsettled } from '../../src/sessions/unsettled.ts'
import { writeUse } from '../../src/sessions/use-record.ts'
import { describeWhere, images } from '../support/available.ts'
import { json, startDockerDouble } from '../support/docker-double.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { startServer } from '../support/stdio-server.ts'
import { type Command, hasTerminals, newCommand, noDocker, onTerminal, steady } from './run.ts'

// Each starts a dozen programs one after the other.
vi.setConfig({ testTimeout: 180_000 })

let command: Command
beforeEach(() => {
  command = newCommand()
})
afterEach(() => command.world.remove())

interface Row {
  readonly name: string
  readonly backend: string
  readonly config: string
  readonly session: string | null
  readonly isInUse: boolean
}

async function rows(args: readonly string[] = []): Promise<readonly Row[]> {
  const { stdout, exitCode } = await command.run(['list', '--json', ...args])
  expect(exitCode).toBe(0)
  return JSON.parse(stdout).sandboxes
}

/** Ends with one sandbox, and no server. */
async function leaveSandbox(...args: string[]): Promise<string> {
  const server = await startServer(command.world, args)
  try {
    await server.call('exec', { command: 'true' })
    return server.sandbox
  } finally {
    await server.close()
  }
}

test('without sandboxes it says so, and prints nothing', async () => {
  const { stdout, stderr, exitCode } = await command.run(['list'], noDocker)
  expect([stdout, exitCode]).toEqual(['', 0])
  expect(stderr).toMatchInlineSnapshot(`
    "! docker: no Docker engine is running: there is no unix:///nowhere/docker.sock
    No sandboxes on the engines that answer."
  `)
  const state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
  mkdirSync(state, { recursive: true })
  const engine = await startDockerDouble(command.world, state, {}, (_call, _to, list) => list())
  try {
    const all = await command.run(['list'], engine.env)
    expect(all.stderr).toBe('No sandboxes. One is made when a client calls the first tool.')
  } finally {
    await engine.close()
  }
})

test('recreate --all without sandboxes has nothing to ask', async () => {
  const { stdout, exitCode } = await command.run(['recreate', '--all'])
  expect([stdout, exitCode]).toEqual(['', 0])
})

test('a name that no sandbox has is told with what to do', async () => {
  const names = ['sbx-aaaaaaaaaaaaaaa', 'other']
  const { stdout, stderr, exitCode } = await command.run(['recreate', ...names, '--force'])
  expect([stdout, exitCode]).toEqual(['', 1])
  const lines = stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('!'))
  expect(lines.map((line) => line.replace(/ on the engines that answer \(.*\)/, ''))).toEqual([
    '\u2716 there is no sandbox "sbx-aaaaaaaaaaaaaaa"',
    '\u2716 there is no sandbox "other"',
    '  Nothing was removed. "sandbox-mcp list" shows what there is; call again with names of it.',
  ])
})

test('who begins to use a sandbox while it is removed waits, and what is remembered of that use stays', async () => {
  const name = 'sbx-aaaaaaaaaaaaaaa'
  const state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
  mkdirSync(state)
  const order: string[] = []
  let [using, isThere]: [Promise<void> | undefined, boolean] = [undefined, true]
  const engine = await startDockerDouble(command.world, state, { main: name }, (call, to, list) => {
    if (call === 'GET /containers/json') return list()
    if (!isThere) return json(to, { message: 'no such container' }, 404)
    if (call.startsWith('GET')) {
      return json(to, { Id: name, Name: `/${name}`, State: { Status: 'running' }, Config: {} })
    }
    const waiting = new Promise<void>((resolve) => {
      const report = (line: string) => {
        order.push(line)
        resolve()
      }
      using = takeLease(state, name, { signal: new AbortController().signal, report }).then(
        ({ id }) => {
          order.push('used')
          markUnsettled(state, id)
        },
      )
    })
    void Promise.race([waiting, using]).then(() => {
      order.push('removed')
      isThere = false
      to.writeHead(204).end()
    })
  })
  try {
    const { stdout, exitCode } = await command.run(['recreate', name, '--force'], engine.env)
    expect([stdout, exitCode]).toEqual([name, 0])
    await using
    expect(order).toEqual([
      `sandbox ${name} is being removed; it is opened anew`,
      'removed',
      'used',
    ])
    expect(isUnsettled(state, name)).toBe(true)
  } finally {
    await engine.close()
  }
})

describeWhere('bubblewrap', 'list and recreate, on bubblewrap', () => {
  const bubblewrap = ['--backend', 'bubblewrap'] as const
  const settings = ['--set', 'backend=bubblewrap'] as const

  test('a sandbox is listed while it is used, and after', async () => {
    const server = await startServer(command.world, bubblewrap)
    try {
      await server.call('exec', { command: 'sleep 600', background: true })
      const during = await command.run(['list', ...settings])
      expect(steady(during.stdout, command)).toMatchInlineSnapshot(`
        "NAME | BACKEND | STATE | AGENT | SESSION | WORKSPACE | CONFIG | AGE | IDLE
        sbx-name | bubblewrap | running | main | - | /project | current | TIME | in use"
      `)
      expect(await rows(settings)).toMatchObject([
        { name: server.sandbox, backend: 'bubblewrap', config: 'current', isInUse: true },
      ])
    } finally {
      await server.close()
    }
    const after = await command.run(['list', ...settings])
    expect(steady(after.stdout, command)).toMatchInlineSnapshot(`
      "NAME | BACKEND | STATE | AGENT | SESSION | WORKSPACE | CONFIG | AGE | IDLE
      sbx-name | bubblewrap | running | main | - | /project | current | TIME | TIME"
    `)
    // What scripts read is whole; only a terminal's width cuts it.
    expect(after.stdout).toContain(` ${command.world.workspace} `)
    await command.run(['recreate', '--all', '--force'])
  })

  test('other settings make it stale, another backend unused', async () => {
    const name = await leaveSandbox(...bubblewrap)
    expect(await rows(settings)).toMatchObject([{ name, config: 'current' }])
    const others = [...settings, '--set', 'bubblewrap.network=host']
    expect(await rows(others)).toMatchObject([{ name, config: 'stale' }])
    expect((await command.run(['list', ...others])).stderr).toContain('1 is stale')
    expect(await rows(['--set', 'backend=docker'])).toMatchObject([{ name, config: 'unused' }])
    await command.run(['recreate', '--all', '--force'])
  })

  test('an engine that does not answer is a line, and keeps nobody from seeing the others', async () => {
    const name = await leaveSandbox(...bubblewrap)
    const { stdout, stderr, exitCode } = await command.run(['list'], noDocker)
    expect(exitCode).toBe(0)
    expect(stdout).toContain(name)
    expect(stderr).toMatch(/^! docker: .+/m)
    const told = JSON.parse((await command.run(['list', '--json'], noDocker)).stdout)
    expect(told.unreachable).toMatchObject([{ engine: 'docker', code: 'BACKEND_UNAVAILABLE' }])
    // It cannot be known whether it has more.
    const all = await command.run(['recreate', '--all', '--force'], noDocker)
    expect([all.stdout, all.exitCode]).toEqual([`${name}`, 1])
  })

  test('another installation sees it only when it asks for all, and cannot remove it', async () => {
    const name = await leaveSandbox(...bubblewrap)
    const other = newCommand()
    try {
      const ours = JSON.parse((await other.run(['list', '--json'])).stdout)
      expect(ours.sandboxes).toEqual([])
      const state = join(other.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
      expect(existsSync(state)).toBe(false)
      const all = JSON.parse((await other.run(['list', '--json', '--all-installations'])).stdout)
      const found = all.sandboxes.find((one: Row) => one.name === name)
      expect(found).toMatchObject({ isThisInstallation: false, workspace: command.world.workspace })
      const removed = await other.run(['recreate', name, '--force'])
      expect(removed.exitCode).toBe(1)
      expect(await rows()).toHaveLength(1)
    } finally {
      other.world.remove()
      await command.run(['recreate', '--all', '--force'])
    }
  })

  test('nothing is removed where nobody can be asked', async () => {
    await leaveSandbox(...bubblewrap)
    const { stdout, stderr, exitCode } = await command.run(['recreate', '--all'])
    expect([stdout, exitCode]).toEqual(['', 2])
    expect(steady(stderr, command)).toMatchInlineSnapshot(`
      "NAME | BACKEND | STATE | AGENT | SESSION | WORKSPACE | CONFIG | AGE | IDLE
      sbx-name | bubblewrap | running | main | - | /project | current | TIME | TIME

      Lost: what runs inside, what was installed, and files outside the workspace; the workspace on this machine stays as it is.
      sandbox-mcp: nothing was removed: there is no terminal to ask on
      Give --force to remove without being asked."
    `)
    expect(await rows()).toHaveLength(1)
    await command.run(['recreate', '--all', '--force'])
  })

  test.runIf(hasTerminals)('on a terminal it asks; only a yes removes', async () => {
    await leaveSandbox(...bubblewrap)
    const recreate = ['recreate', '--agent', 'main', ...settings]
    const no = await onTerminal(command, recreate, '[y/N]', '')
    expect([no.exitCode, no.screen.includes('Nothing was removed.')]).toEqual([1, true])
    expect(await rows()).toHaveLength(1)
    const yes = await onTerminal(command, recreate, '[y/N]', 'y')
    expect([yes.exitCode, yes.screen]).toEqual([0, expect.stringContaining('Remove this sandbox?')])
    // On a terminal, and there alone, it has colours.
    expect(yes.screen).toContain('\u001b[1mNAME')
    expect(await rows()).toEqual([])
  })

  test('it is chosen by name, agent, session or scope key; the next use makes it again', async () => {
    const perSession = [...bubblewrap, '--set', 'scope=session']
    const one = await leaveSandbox(...perSession, '--session', 'one', '--agent', 'a')
    const odd = 'telegram:group:-1 é'
    const two = await leaveSandbox(...perSession, '--session', odd, '--agent', 'a')
    const three = await leaveSandbox(...bubblewrap, '--agent', 'b')
    const names = async () => (await rows()).map(({ name }) => name)
    expect(await names()).toEqual([one, two, three])
    expect((await rows()).map(({ session }) => session)).toEqual(['one', odd, null])

    const near = await command.run(['recreate', `${one.slice(0, -1)}0`, '--force'])
    expect([near.stdout, near.exitCode]).toEqual(['', 1])
    expect(near.stderr).toContain(`did you mean ${one}?`)
    const removed = async (...args: string[]) =>
      (await command.run(['recreate', ...args, '--force'])).stdout
    expect(await removed('--session', `agent:a:${odd}`)).toBe(two)
    expect(await removed(one)).toBe(one)
    expect(await leaveSandbox(...perSession, '--session', 'one', '--agent', 'a')).toBe(one)
    expect(await removed('--session', 'one')).toBe(one)
    expect(await removed('--agent', 'nobody')).toBe('')
    const shared = await command.run(['recreate', '--session', 'main', '--force'])
    expect([shared.stdout, shared.exitCode]).toEqual(['', 1])
    expect(shared.stderr).toContain('are for all sessions of their agent')
    expect(await names()).toEqual([three])
    expect(await removed('--agent', 'b')).toBe(three)
  })
})

describeWhere('docker', 'list and recreate, on Docker', () => {
  test('a container is listed with the settings it was made with, and removed', async () => {
    const image = ['--set', `docker.image=${images.busybox}`]
    const name = await leaveSandbox('--backend', 'docker', ...image)
    const { stdout } = await command.run(['list', ...image])
    expect(steady(stdout, command)).toMatchInlineSnapshot(`
      "NAME | BACKEND | STATE | AGENT | SESSION | WORKSPACE | CONFIG | AGE | IDLE
      sbx-name | docker | running | main | - | /project | current | TIME | TIME"
    `)
    expect(await rows(['--set', 'docker.image=other:1'])).toMatchObject([{ name, config: 'stale' }])
    const removed = await command.run(['recreate', '--all', '--force'])
    expect([removed.stdout, removed.exitCode]).toEqual([name, 0])
    expect(steady(removed.stderr, command)).toMatchInlineSnapshot(`
      "NAME | BACKEND | STATE | AGENT | SESSION | WORKSPACE | CONFIG | AGE | IDLE
      sbx-name | docker | running | main | - | /project | stale | TIME | TIME

      Lost: what runs inside, what was installed, and files outside the workspace; the workspace on this machine stays as it is."
    `)
    expect(await rows()).toEqual([])
  })
})

describeWhere('docker', 'a container that a person gave another name', () => {
  const docker = new Docker()

  test('is listed, and kept by prune and by all that does not name it', async () => {
    const image = ['--set', `docker.image=${images.busybox}`]
    const name = await leaveSandbox('--backend', 'docker', ...image)
    const other = `kept-${name.slice(4)}`
    const beside = `${other}-setup`
    await docker.getContainer(name).rename({ name: other })
    const mine = await docker.createContainer({
      name: beside,
      Image: images.busybox,
      Cmd: ['true'],
    })
    try {
      expect(await leaveSandbox('--backend', 'docker', ...image)).toBe(name)
      const { stdout, stderr } = await command.run(['list', ...image])
      expect(stdout).toMatch(new RegExp(`^${other} +docker +renamed +main `, 'm'))
      expect(stderr).toContain('1 was renamed: no call uses such a one, and prune leaves it;')
      const use = { agent: 'main', session: '', scopeKey: 's', workspace: '/' }
      const state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
      writeUse(state, other, { ...use, usedMs: 1 })
      expect((await command.run(['prune', '--idle', '1h', ...image])).stdout).toBe('')
      expect(await rows(image)).toContainEqual(expect.objectContaining({ name: other }))
      for (const chosen of [['--all'], ['--agent', 'main']]) {
        await command.run(['recreate', ...chosen, '--force', ...image])
      }
      expect(await rows(image)).toMatchObject([{ name: other, state: 'renamed' }])
      const removed = await command.run(['recreate', other, '--force', ...image])
      expect([removed.stdout, removed.exitCode]).toEqual([other, 0])
      expect(await rows(image)).toEqual([])
      expect((await mine.inspect()).Name).toBe(`/${beside}`)
    } finally {
      await mine.remove({ force: true })
    }
  })

  test('is not taken for a sandbox where its name is none of an engine’s', async () => {
    const state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
    mkdirSync(state)
    const engine = await startDockerDouble(
      command.world,
      state,
      { main: '../x' },
      (_call, _to, list) => list(),
    )
    try {
      const { stdout } = await command.run(['list', '--json'], engine.env)
      expect(JSON.parse(stdout).sandboxes).toEqual([])
    } finally {
      await engine.close()
    }
  })
})

describeWhere('ssh', 'list and recreate, over SSH', () => {
  test('what is only there is said to be lost', async () => {
    const server = await startSshServer()
    try {
      const { settings } = server
      const file = { agents: { defaults: { sandbox: { backend: 'ssh', ssh: settings } } } }
      mkdirSync(dirname(command.config), { recursive: true })
      writeFileSync(command.config, JSON.stringify(file))
      const name = await leaveSandbox()
      expect(await rows()).toMatchObject([{ name, backend: 'ssh' }])
      const asked = await command.run(['recreate', name])
      expect(asked.exitCode).toBe(2)
      const lost = asked.stderr.split('\n').find((line) => line.startsWith('Lost'))
      expect(lost).toMatchInlineSnapshot(
        `"Lost: the whole workspace inside, with all work in it that was not copied elsewhere: nothing of it is on this machine. Also what runs inside, what was installed, and files outside the workspace."`,
      )
      const removed = await command.run(['recreate', name, '--force'])
      expect([removed.stdout, removed.exitCode]).toEqual([name, 0])
      expect(await rows()).toEqual([])
    } finally {
      await server.close()
    }
  })

  test('a record that a command wrote there names no file of this machine', async () => {
    const server = await startSshServer()
    try {
      const { settings } = server
      const file = { agents: { defaults: { sandbox: { backend: 'ssh', ssh: settings } } } }
      mkdirSync(dirname(command.config), { recursive: true })
      writeFileSync(command.config, JSON.stringify(file))
      const name = await leaveSandbox()
      const victim = join(command.world.env.XDG_STATE_HOME ?? '', 'victim')
      writeFileSync(victim, 'mine')
      const root = settings.workspaceRoot ?? ''
      const record = JSON.parse(readFileSync(join(root, name, 'record'), 'utf8'))
      for (const [at, other] of ['../../victim', '../../new', 'sbx-1\u001b[2J'].entries()) {
        mkdirSync(join(root, `sbx-planted${at}`), { mode: 0o700 })
        const line = `${JSON.stringify({ ...record, name: other })}\n`
        writeFileSync(join(root, `sbx-planted${at}`, 'record'), line)
      }
      expect(await rows()).toMatchObject([{ name }])
      expect((await command.run(['prune', '--idle', '1h'])).exitCode).toBe(0)
      expect(readFileSync(victim, 'utf8')).toBe('mine')
      expect(existsSync(join(dirname(victim), 'new'))).toBe(false)
    } finally {
      await server.close()
    }
  })
})
