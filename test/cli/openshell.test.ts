/** The commands that look after sandboxes, with those of OpenShell in both of its modes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { readUse, writeUse } from '../../src/sessions/use-record.ts'
import { describeWhere } from '../support/available.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import { configureOpenShell } from '../support/openshell-config.ts'
import { startServer, textOf } from '../support/stdio-server.ts'
import { type Command, hasTerminals, newCommand, onTerminal, steady } from './run.ts'

// Each starts a dozen programs one after the other.
vi.setConfig({ testTimeout: 240_000 })

const hour = 3_600_000

describeWhere('openshell-double', 'the commands, with OpenShell', () => {
  let double: OpenShellDouble
  let command: Command
  let state: string
  beforeAll(async () => {
    double = await startOpenShellDouble()
  })
  afterAll(() => double?.close())
  beforeEach(() => {
    command = newCommand()
    state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
    writeFileSync(join(command.world.workspace, 'mine'), 'of the host\n')
  })
  afterEach(async () => {
    if (isDown) await up()
    await command.run(['recreate', '--all', '--force'])
    command.world.remove()
  })

  let isDown = false
  async function down(): Promise<void> {
    await double.down()
    isDown = true
  }
  async function up(): Promise<void> {
    await double.up()
    isDown = false
  }

  const use = (mode: 'mirror' | 'remote') => configureOpenShell(command.world, double, mode)

  /** Ends with one sandbox that the command has run in, and no server. */
  async function leaveSandbox(script = 'true', ...args: string[]): Promise<string> {
    const server = await startServer(command.world, args)
    try {
      const result = await server.call('exec', { command: script })
      expect(textOf(result)).toContain('[exit code 0')
      return server.sandbox
    } finally {
      await server.close()
    }
  }

  /** Of OpenShell alone: other engines of this machine have nothing of this installation. */
  async function listed(...args: string[]) {
    const { stdout, exitCode } = await command.run(['list', '--json', ...args])
    expect(exitCode).toBe(0)
    const { unreachable, ...rest } = JSON.parse(stdout)
    const isOpenShell = ({ engine }: { engine: string }) => engine === 'openshell'
    return { ...rest, unreachable: unreachable.filter(isOpenShell) }
  }

  const lostOf = (text: string) => text.split('\n').filter((line) => line.startsWith('Lost'))

  /** As if nobody had used it for so long. */
  function rest(name: string, ms: number): void {
    const known = readUse(state, name)
    if (known === undefined) throw new Error(`no use of ${name} is known`)
    writeUse(state, name, { ...known, usedMs: Date.now() - ms })
  }

  describe.each(['remote', 'mirror'] as const)('in mode %s', (mode) => {
    test('list shows a sandbox with its agent, workspace and whether its settings hold', async () => {
      use(mode)
      const name = await leaveSandbox('true', '--agent', 'coder')
      const { stdout, stderr, exitCode } = await command.run(['list'])
      expect([steady(stderr, command), exitCode]).toEqual(['', 0])
      expect(steady(stdout, command)).toBe(
        [
          'NAME | BACKEND | STATE | AGENT | SESSION | WORKSPACE | CONFIG | AGE | IDLE',
          'sbx-name | openshell | running | coder | - | /project | current | TIME | TIME',
        ].join('\n'),
      )
      const { sandboxes, unreachable } = await listed()
      expect(unreachable).toEqual([])
      expect(sandboxes).toMatchObject([
        {
          ...{ name, backend: 'openshell', state: 'running', agent: 'coder', config: 'current' },
          ...{ workspace: command.world.workspace, isInUse: false, isThisInstallation: true },
          ...{ lastError: null, session: null },
        },
      ])
      const image = ['--set', 'plugins.entries.openshell.config.from=another/image:2']
      expect((await listed(...image)).sandboxes).toMatchObject([{ name, config: 'stale' }])
    })

    test('recreate says what will be lost, and the next use begins anew', async () => {
      use(mode)
      const name = await leaveSandbox('echo inside >made; echo x >/tmp/installed')
      const refused = await command.run(['recreate', name])
      expect([refused.stdout, refused.exitCode]).toEqual(['', 2])
      expect(refused.stderr).toContain('Give --force to remove without being asked.')
      const [lost = '', ...more] = lostOf(refused.stderr)
      expect(more).toEqual([])
      if (mode === 'remote') {
        expect(lost).toContain('the whole workspace inside, with all work in it')
        expect(lost).toContain('nothing of it is on this machine')
      } else {
        expect(lost).toContain('the workspace on this machine stays as it is')
        expect(lost).not.toContain('the whole workspace')
      }
      expect((await listed()).sandboxes).toHaveLength(1)
      // What it holds is what it was opened as, whatever the settings say by now.
      use(mode === 'remote' ? 'mirror' : 'remote')
      expect(lostOf((await command.run(['recreate', name])).stderr)).toEqual([lost])
      use(mode)

      const removed = await command.run(['recreate', '--session', 'agent:main', '--force'])
      expect([removed.stdout, removed.exitCode]).toEqual([name, 0])
      expect(lostOf(removed.stderr)).toEqual([lost])
      expect((await listed()).sandboxes).toEqual([])
      expect(readUse(state, name)).toBeUndefined()

      const made = join(command.world.workspace, 'made')
      expect(existsSync(made)).toBe(mode === 'mirror')
      const again = 'cat mine; [ -e made ] && echo made; [ -e /tmp/installed ] && echo old; true'
      const server = await startServer(command.world, [])
      const told = textOf(await server.call('exec', { command: again }))
      await server.close()
      expect(told).toMatch(mode === 'mirror' ? /^of the host\nmade\n/ : /^of the host\n/)
      expect(told).not.toContain('old\n')
      expect(server.sandbox).toBe(name)
    })

    test('prune removes what can go without loss, and keeps what is nowhere else', async () => {
      use(mode)
      const name = await leaveSandbox('echo inside >made')
      rest(name, 3 * hour)
      const { stdout, stderr, exitCode } = await command.run(['prune', '--idle', '2h'])
      expect(exitCode).toBe(0)
      if (mode === 'remote') {
        expect(stdout).toBe('')
        expect(stderr).toContain(`! ${name} (idle for 3h`)
        expect(stderr).toContain('is kept: its workspace is nowhere else')
        expect((await listed()).sandboxes).toHaveLength(1)
      } else {
        expect(stdout).toBe(name)
        expect((await listed()).sandboxes).toEqual([])
        const back = readFileSync(join(command.world.workspace, 'made'), 'utf8')
        expect(back).toBe('inside\n')
      }
    })

    test('what is in use is not pruned', async () => {
      use(mode)
      const server = await startServer(command.world, [])
      try {
        await server.call('exec', { command: 'sleep 600', background: true })
        rest(server.sandbox, 1_000 * hour)
        const pruned = await command.run(['prune', '--idle', '1s', '--age', '1s', '--json'])
        expect([pruned.exitCode, JSON.parse(pruned.stdout).sandboxes]).toEqual([0, []])
        expect((await listed()).sandboxes).toMatchObject([{ isInUse: true }])
      } finally {
        await server.close()
      }
    })
  })

  test.runIf(hasTerminals)(
    'on a terminal a no keeps the work of a remote sandbox, and a yes gives it up',
    async () => {
      use('remote')
      const name = await leaveSandbox()
      const no = await onTerminal(command, ['recreate', name], '[y/N]', 'n')
      expect([no.exitCode, no.screen]).toEqual([1, expect.stringContaining('the whole workspace')])
      expect((await listed()).sandboxes).toHaveLength(1)
      const yes = await onTerminal(command, ['recreate', name], '[y/N]', 'y')
      expect(yes.exitCode).toBe(0)
      expect((await listed()).sandboxes).toEqual([])
    },
  )

  test('a gateway that does not answer is a line to list, and not a success to what removes', async () => {
    use('remote')
    const name = await leaveSandbox()
    await down()
    const list = await command.run(['list'])
    expect([list.stdout, list.exitCode]).toEqual(['', 0])
    expect(list.stderr).toMatch(/^! openshell: .+/m)
    expect(list.stderr).toContain('No sandboxes on the engines that answer.')
    const { unreachable } = await listed()
    expect(unreachable).toMatchObject([
      { engine: 'openshell', code: 'BACKEND_UNAVAILABLE', hint: expect.stringMatching(/./) },
    ])
    for (const args of [
      ['recreate', '--all', '--force'],
      ['recreate', name, '--force'],
      ['prune'],
    ]) {
      const { stdout, stderr, exitCode } = await command.run(args)
      expect([stdout, exitCode]).toEqual(['', 1])
      expect(stderr).toMatch(/openshell/)
    }
    await up()
    expect((await listed()).sandboxes).toMatchObject([{ name }])
  })

  test('another installation sees it only among all, and does not remove it', async () => {
    use('remote')
    const name = await leaveSandbox()
    const other = newCommand()
    try {
      configureOpenShell(other.world, double, 'remote')
      const ofOther = async (...args: string[]) =>
        JSON.parse((await other.run(['list', '--json', ...args])).stdout).sandboxes
      expect(await ofOther()).toEqual([])
      const all = await ofOther('--all-installations')
      expect(all.find((one: { name: string }) => one.name === name)).toMatchObject({
        isThisInstallation: false,
        workspace: command.world.workspace,
      })
      for (const args of [[name], ['--all']]) {
        await other.run(['recreate', ...args, '--force'])
        expect((await listed()).sandboxes).toHaveLength(1)
      }
    } finally {
      other.world.remove()
    }
  })

  test('doctor judges the command, its gateway and its labels, and exits by the backend that is set', async () => {
    use('mirror')
    const well = await command.run(['doctor'])
    expect(well.exitCode).toBe(0)
    expect(well.stdout).toMatch(/\u2714 OpenShell: .+ 0\.0\.111/)
    expect(well.stdout).toMatch(/\u2714 the gateway of OpenShell: /)
    expect(well.stdout).toContain('Sandboxes are made with openshell (backend openshell).')
    await down()
    const ill = await command.run(['doctor'])
    expect(ill.exitCode).toBe(1)
    expect(ill.stdout).toMatch(/\u2716 the gateway of OpenShell: .+\n +\u2192 .+/)
    expect(ill.stdout).toContain('the backend that is set is openshell, and it does not work')
    await up()
    const missing = ['--set', 'plugins.entries.openshell.config.command=/nowhere/openshell']
    const none = JSON.parse((await command.run(['doctor', '--json', ...missing])).stdout)
    const { isUsable, checks } = none.backends.at(-1)
    expect([none.chosen, isUsable]).toEqual([null, false])
    expect(checks[0]).toMatchObject({ ok: false, detail: expect.stringContaining('/nowhere') })
  })
})
