/** The openshell command as a program: missing, too old, late, wrapped, or without a word we use. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { labelsFor } from '../../src/backends/openshell/labels.ts'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { OpenShellBackend } from '../../src/backends/openshell.ts'
import { describeWhere } from '../support/available.ts'
import { never, newSpec, type OpenShellWorld, openShellWorld, printed } from './openshell-world.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describe('a command that is not OpenShell', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-openshell-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const listWith = (command: string, timeoutSeconds = 120) =>
    new OpenShellBackend({ ...openShellDefaults, command, timeoutSeconds }).list('tests', never)
  const program = (name: string, ...lines: readonly string[]) => {
    const path = join(folder, name)
    writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
    return path
  }

  test('is missing', async () => {
    await expect(listWith('no-such-openshell')).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'the command "no-such-openshell" was not found',
      hint: expect.stringContaining('plugins.entries.openshell.config.command'),
    })
  })

  test('cannot be executed', async () => {
    await expect(listWith(folder)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('could not be run'),
    })
  })

  test('is something else', async () => {
    await expect(listWith(program('other', 'echo other 1.2.3'))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('other 1.2.3'),
    })
  })

  test('is too old', async () => {
    await expect(listWith(program('old', 'echo openshell 0.0.67'))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('0.0.67'),
      hint: expect.stringContaining('Update OpenShell'),
    })
  })

  test('is late, with a child that holds its output, and is ended', async () => {
    const late = program('late', 'sleep 600 & wait')
    await expect(listWith(late, 1)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('did not end within 1 s'),
      hint: expect.stringContaining('timeoutSeconds'),
    })
  })

  /** Answers what every call needs, and then as `lines` say. */
  const answering = (name: string, ...lines: readonly string[]) =>
    program(
      name,
      'case " $* " in',
      '*" --version "*) echo openshell 0.0.111; exit ;;',
      `*" gateway list "*) echo '[{"name":"g","active":true}]'; exit ;;`,
      'esac',
      ...lines,
    )

  test('prints without end, and is ended', async () => {
    await expect(listWith(answering('endless', 'exec yes'))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: '"openshell sandbox list" printed more than 32 MiB, and was ended',
    })
  })

  test('gives the same full page whatever is asked for', async () => {
    const labels = labelsFor(newSpec(), 'c0ffee', 'hash')
    const page = Array.from({ length: 1_000 }, (_, at) => {
      const name = `sbx-${String(at).padStart(15, 'a')}`
      return { id: `${at}`, name, phase: 'Ready', labels }
    })
    writeFileSync(join(folder, 'page.json'), JSON.stringify(page))
    const command = answering('same-page', `cat '${join(folder, 'page.json')}'`)
    expect(await listWith(command)).toHaveLength(1_000)
  })

  test('tells of another sandbox than it was asked for, and nothing is deleted', async () => {
    const told = { id: '1', name: '--all', phase: 'Ready', labels: labelsFor(newSpec(), 'c', 'h') }
    writeFileSync(join(folder, 'told.json'), JSON.stringify(told))
    const deleted = join(folder, 'deleted')
    const command = answering(
      'other-sandbox',
      `case " $* " in *" delete "*) echo "$*" >>'${deleted}' ;; esac`,
      `cat '${join(folder, 'told.json')}'`,
    )
    const backend = new OpenShellBackend({ ...openShellDefaults, command })
    await expect(backend.remove(newSpec().name, never)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('not understood'),
    })
    expect(existsSync(deleted)).toBe(false)
  })

  test('each check says so, and none throws', async () => {
    const settings = { ...openShellDefaults, command: 'no-such-openshell' }
    for (const check of new OpenShellBackend(settings).checks) {
      expect(await check.run(never), check.name).toMatchObject({
        ok: false,
        detail: expect.stringContaining('no-such-openshell'),
      })
    }
  })
})

describeWhere('openshell-double', 'OpenShell', () => {
  let world: OpenShellWorld
  beforeAll(async () => {
    world = await openShellWorld({ version: '0.0.111', provisioningMs: 0 })
  })
  afterEach(() => world.reset())
  afterAll(() => world?.close())

  const creations = () => world.double.invocations().filter((args) => args.includes('create'))

  test('all settings are in the call that creates, and none in any other', async () => {
    const backend = world.backend({
      from: 'ollama',
      gpu: true,
      autoProviders: false,
      providers: [],
      gateway: world.double.gateway,
      workspace: 'default',
    })
    const before = world.double.invocations().length
    const spec = newSpec()
    await world.open(backend, spec)
    const calls = world.double.invocations().slice(before)
    const [create] = calls.filter((args) => args.includes('create'))
    const labels = create?.filter((word) => word.startsWith('sandbox-mcp.')) ?? []
    expect(create?.filter((word) => word !== '--label' && !labels.includes(word))).toEqual([
      ...['--gateway', 'double', '--workspace', 'default', 'sandbox', 'create'],
      ...['--name', spec.name, '--from', 'ollama', '--gpu', '--no-auto-providers', '--no-tty'],
      ...['--output', 'json'],
    ])
    expect(labels[0]).toBe('sandbox-mcp.installation=tests')
    expect(calls.filter((args) => args.includes('--gpu'))).toHaveLength(1)
  })

  test.each(['--no-tty', '--auto-providers'])(
    'a release that does not know %s is called without it',
    async (word) => {
      const command = world.refusing(word, `unexpected argument '${word}'`)
      const sandbox = await world.open(world.backend({ command }), newSpec())
      expect(await printed(sandbox, 'echo through')).toBe('through\n')
      expect(creations().at(-1)).not.toContain(word)
    },
  )

  test('a release that does not know an argument that must not be left out is told whole', async () => {
    const command = world.refusing('--label', "unexpected argument '--label'")
    await expect(world.open(world.backend({ command }), newSpec())).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringContaining("unexpected argument '--label'"),
    })
  })

  test('an endpoint that never answers is given up at the deadline, and nothing is created', async () => {
    const before = creations().length
    await world.double.set({ slowCliMs: 60_000 })
    const backend = world.backend({ timeoutSeconds: 1 })
    await expect(world.open(backend, newSpec())).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('did not end within 1 s'),
    })
    expect(creations()).toHaveLength(before)
  })

  test('a call that is cancelled does not cancel the one that waits for the same answer', async () => {
    await world.double.set({ slowCliMs: 1_000 })
    const backend = world.backend()
    const abort = new AbortController()
    const cancelled = backend.list('tests', abort.signal)
    const other = backend.list('tests', never)
    abort.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await other).toEqual([])
  })
})
