/** The argument lists that the backend builds, by release, and that the real programs take them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  argumentsOf,
  type Call,
  createCall,
  deleteCall,
  gatewaysCall,
  getCall,
  listCall,
  proxyArguments,
  sshConfigCall,
  startCall,
  statusCall,
} from '../../src/backends/openshell/arguments.ts'
import {
  featuresOf,
  isSupported,
  parseVersion,
  refusedFeature,
} from '../../src/backends/openshell/features.ts'
import { labelsFor, recordOf } from '../../src/backends/openshell/labels.ts'
import { type OpenShellSettings, openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { describeWhere } from '../support/available.ts'
import { realProgram, realVersions } from '../support/openshell/argument-table.ts'
import { newSpec } from './openshell-world.ts'

const featuresAt = (version: string) => {
  const parsed = parseVersion(`openshell ${version}`)
  if (parsed === undefined) throw new Error(`not a version: ${version}`)
  return featuresOf(parsed)
}
const everything: OpenShellSettings = {
  ...openShellDefaults,
  from: 'ollama',
  policy: '/etc/policy.yaml',
  providers: ['github', 'openai'],
  gpu: true,
}

test('creating ends differently from release to release', () => {
  const end = (version: string) => {
    const { options } = createCall(openShellDefaults, 'sbx-a', {}, featuresAt(version))
    return options.slice(options.indexOf('--no-tty') + 1).join(' ')
  }
  expect(end('0.0.68')).toBe('-- true')
  expect(end('0.0.91')).toBe('-- true')
  expect(end('0.0.92')).toBe('--output json')
  expect(end('0.1.5')).toBe('--output json')
})

test('a release whose creation prints no JSON, and takes commands for main processes, gets one that stays', () => {
  const features = new Set(featuresAt('0.1.5'))
  features.delete('createJson')
  const { options } = createCall(openShellDefaults, 'sbx-a', {}, features)
  expect(options.slice(-4)).toEqual(['--detach', '--', 'sleep', 'infinity'])
})

test('a flag that may take a value is followed by another flag', () => {
  const { options } = createCall(everything, 'sbx-a', {}, featuresAt('0.0.92'))
  expect(options[options.indexOf('--gpu') + 1]).toMatch(/^--/)
})

test('the proxy is told the gateway by its own flags', () => {
  const scope = { gateway: { endpoint: 'http://h:1' }, workspace: 'w' }
  expect(proxyArguments(scope, 'sbx-a', featuresAt('0.0.92'))).toEqual([
    ...['ssh-proxy', '--gateway-name', 'http://h:1', '--name', 'sbx-a', '--workspace', 'w'],
    ...['--server', 'http://h:1'],
  ])
  const registered = { gateway: { name: 'g' }, workspace: undefined }
  expect(proxyArguments(registered, 'sbx-a', featuresAt('0.0.87'))).toEqual([
    ...['ssh-proxy', '--gateway-name', 'g', '--name', 'sbx-a'],
  ])
})

test('versions are read from what the program prints, and compared by number', () => {
  expect(parseVersion('openshell 0.0.117-dev.3+g1a2b\n')).toEqual({
    text: '0.0.117-dev.3+g1a2b',
    numbers: [0, 0, 117],
  })
  expect(parseVersion('openssh 9.2')).toBeUndefined()
  const supported = (version: string) => {
    const parsed = parseVersion(`openshell ${version}`)
    return parsed !== undefined && isSupported(parsed)
  }
  expect(['0.0.67', '0.0.68', '0.0.105', '0.1.0', '1.0.0'].map(supported)).toEqual([
    ...[false, true, true, true, true],
  ])
  expect([...featuresAt('0.0.104')]).not.toContain('start')
  expect([...featuresAt('0.0.105')]).toContain('start')
})

test('a refused word names its feature only in its own call', () => {
  const refusal = (word: string) => `error: unexpected argument '${word}' found\n\nUsage: …`
  expect(refusedFeature('sandbox get', refusal('--output'))).toBe('getJson')
  expect(refusedFeature('sandbox create', refusal('--output'))).toBe('createJson')
  expect(refusedFeature('sandbox list', refusal('--output'))).toBeUndefined()
  expect(refusedFeature('sandbox list', refusal('--workspace'))).toBe('workspaces')
  expect(refusedFeature('sandbox create', refusal('--label'))).toBeUndefined()
  const unknown = "error: unrecognized subcommand 'start'\n"
  expect(refusedFeature('sandbox start', unknown)).toBe('start')
})

test('labels are within the limits of OpenShell, and are read back', () => {
  const host = `/home/${'\u{1f600}'.repeat(50)}/${'x'.repeat(500)}`
  const spec = newSpec({
    mounts: [{ host, sandbox: '/sandbox', writable: true }],
    ephemeral: { pid: 1, started: '2' },
  })
  const labels = labelsFor(spec, 'c0ffee', 'hash')
  for (const [key, value] of Object.entries(labels)) {
    expect(key).toMatch(/^[A-Za-z0-9][A-Za-z0-9.-]{0,61}[A-Za-z0-9]$/)
    expect(value).toMatch(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/)
  }
  const { installation, scopeKey, agent, ephemeral } = spec
  const record = { installation, scopeKey, agent, ephemeral, workspace: host, creation: 'c0ffee' }
  expect(recordOf({ ...labels, other: 'label' })).toMatchObject(record)
})

test('labels that are not whole, not ours or of another installation hold no record', () => {
  const labels = labelsFor(newSpec(), 'c0ffee', 'hash')
  const { 'sandbox-mcp.record-1': _, ...cut } = labels
  expect(recordOf({})).toBeUndefined()
  expect(recordOf(cut)).toBeUndefined()
  expect(recordOf({ ...labels, 'sandbox-mcp.record-0': 'zz' })).toBeUndefined()
  expect(recordOf({ ...labels, 'sandbox-mcp.installation': 'other' })).toBeUndefined()
})

test('a path that no labels can hold is refused', () => {
  const host = `/${Array.from({ length: 4000 }, (_, at) => ((at * 7919) % 9973).toString(36)).join('/')}`
  const spec = newSpec({ mounts: [{ host, sandbox: '/sandbox', writable: true }] })
  expect(() => labelsFor(spec, 'c0ffee', 'hash')).toThrow(
    expect.objectContaining({ code: 'SANDBOX_START_FAILED' }),
  )
})

describeWhere('openshell', 'the real program', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'openshell-calls-'))
    writeFileSync(join(folder, 'policy.yaml'), 'version: 1\n')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Where no gateway is: what is taken ends with exit code 1. */
  const run = (version: (typeof realVersions)[number], args: readonly string[]) => {
    const env = { PATH: process.env.PATH ?? '', XDG_CONFIG_HOME: folder, HOME: folder }
    const options = { env, extendEnv: false, reject: false, stdin: 'ignore' } as const
    return execa(realProgram(version), args, options)
  }

  test.each(realVersions)(
    '%s takes every list',
    async (version) => {
      const features = featuresAt(version)
      const settings = { ...everything, policy: join(folder, 'policy.yaml') }
      const labels = labelsFor(newSpec(), 'c0ffee', 'hash')
      const calls: Call[] = [
        createCall(settings, 'sbx-a', labels, features),
        createCall({ ...settings, autoProviders: false, gpu: false }, 'sbx-a', {}, features),
        listCall(1000, ['sandbox-mcp.installation', 'x']),
        listCall(0),
        deleteCall('sbx-a'),
        gatewaysCall,
        sshConfigCall('sbx-a'),
        ...(features.has('getJson') ? [getCall('sbx-a')] : []),
        ...(features.has('start') ? [startCall('sbx-a')] : []),
        ...(features.has('statusJson') ? [statusCall] : []),
      ]
      const workspace = features.has('workspaces') ? 'team' : undefined
      const gateways = [{ name: 'g' }, { name: 'g', endpoint: 'http://127.0.0.1:1' }]
      const lists = gateways.flatMap((gateway) => [
        ...calls.map((call) => argumentsOf({ gateway, workspace }, call, features)),
        proxyArguments({ gateway, workspace }, 'sbx-a', features),
      ])
      for (const args of lists) {
        const { exitCode, stderr } = await run(version, args)
        const refusal = exitCode === 2 ? stderr : ''
        expect({ args, refusal }).toEqual({ args, refusal: '' })
      }
      // What takes anything would take these too.
      const odd = ['sandbox', 'list', '--no-such-flag']
      expect(await run(version, odd)).toMatchObject({ exitCode: 2 })
    },
    240_000,
  )
})
