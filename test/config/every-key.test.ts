/**
 * Every key that OpenClaw's sandbox and its OpenShell plugin have: it arrives in the settings, or it is
 * said that it has no effect, or it is refused with the reason. What a setting then does is shown where it
 * is used: for Docker in test/backends/docker-settings.test.ts, for example.
 */
import { describe, expect, test } from 'vitest'
import type { Settings } from '../../src/settings.ts'
import { inSandbox, refusal } from './refusal.ts'
import { resolved } from './resolved.ts'

type Arrives = (settings: Settings) => unknown

const sandbox: [key: string, value: unknown, arrives: Arrives, as?: unknown][] = [
  ['mode', 'non-main', ({ mode }) => mode],
  ['backend', 'openshell', ({ backend }) => backend],
  ['scope', 'session', ({ scope }) => scope],
  ['perSession', true, ({ scope }) => scope, 'session'],
  ['perSession', false, ({ scope }) => scope, 'shared'],
  ['workspaceAccess', 'ro', ({ access }) => access],
  ['workspaceRoot', '~/boxes', ({ workspaceRoot }) => workspaceRoot, '/home/me/boxes'],
  ['prune.idleHours', 5, ({ prune }) => prune.idleHours],
  ['prune.maxAgeDays', 0, ({ prune }) => prune.maxAgeDays],
]

const docker: [key: keyof Settings['docker'], value: unknown, as?: unknown][] = [
  ['image', 'debian:bookworm'],
  ['workdir', '/srv/app'],
  ['readOnlyRoot', false],
  ['tmpfs', ['/tmp:size=1g']],
  ['network', 'bridge'],
  ['capDrop', ['NET_RAW']],
  ['user', '1000:1000'],
  ['user', 1000, '1000'],
  ['env', { A: 'b' }],
  ['ulimits', { nofile: '1024:2048', core: 0, nproc: { soft: 1, hard: 2 } }],
  ['binds', ['/usr/share:/x:ro']],
  ['setupCommand', 'a'],
  ['setupCommand', ['a', 'b'], 'a\nb'],
  ['pidsLimit', 256],
  ['memory', '1g'],
  ['memorySwap', '5g'],
  ['memorySwap', -1],
  ['cpus', 1.5],
  ['gpus', 'all'],
  ['seccompProfile', '/proc/version'],
  ['apparmorProfile', 'docker-default'],
  ['dns', ['1.1.1.1']],
  ['extraHosts', ['a:10.0.0.1']],
  ['dangerouslyAllowReservedContainerTargets', true],
  ['dangerouslyAllowExternalBindSources', true],
  ['dangerouslyAllowContainerNamespaceJoin', true],
]

const ssh: [key: keyof NonNullable<Settings['ssh']>, value: unknown][] = [
  ['target', 'me@host:2222'],
  ['workspaceRoot', '/srv/boxes'],
  ['strictHostKeyChecking', false],
  ['identityFile', '~/.ssh/id'],
  ['certificateFile', '~/.ssh/id-cert.pub'],
  ['knownHostsFile', '~/.ssh/known'],
  ['identityData', 'key'],
  ['certificateData', 'certificate'],
  ['knownHostsData', 'hosts'],
]

const openshell: [key: keyof Settings['openshell'], value: unknown, as?: unknown][] = [
  ['mode', 'remote'],
  ['command', '/opt/openshell'],
  ['gateway', 'lab'],
  ['gatewayEndpoint', 'http://127.0.0.1:8080'],
  ['workspace', 'a-b'],
  ['from', 'openclaw'],
  ['policy', '/etc/policy.yaml'],
  ['providers', ['a', 'b', 'a'], ['a', 'b']],
  ['gpu', true],
  ['autoProviders', false],
  ['remoteWorkspaceDir', '/sandbox/a'],
  ['remoteAgentWorkspaceDir', '/agent/a'],
  ['timeoutSeconds', 5],
]

/** `{a: {b: value}}` without the outer braces. */
function nested(key: string, value: unknown): string {
  const [first = '', ...rest] = key.split('.')
  return `${first}: ${rest.length === 0 ? JSON.stringify(value) : `{${nested(rest.join('.'), value)}}`}`
}

describe('arrives in the settings', () => {
  test.each(sandbox)('%s: %j', async (key, value, arrives, as = value) => {
    const { settings, warnings } = await resolved([], { config: inSandbox(nested(key, value)) })
    expect([arrives(settings), warnings]).toEqual([as, []])
  })

  test.each(docker)('docker.%s: %j', async (key, value, as = value) => {
    const config = inSandbox(nested(`docker.${key}`, value))
    const { settings, warnings } = await resolved(['--backend', 'docker'], { config })
    expect([settings.docker[key], warnings]).toEqual([as, []])
  })

  test.each(ssh)('ssh.%s: %j', async (key, value) => {
    const own = { target: 'host', [key]: value }
    const config = inSandbox(`backend: "ssh", ssh: ${JSON.stringify(own)}`)
    const { settings, warnings } = await resolved([], { config })
    expect([settings.ssh?.[key], warnings]).toEqual([value, []])
  })

  test.each(openshell)('openshell %s: %j', async (key, value, as = value) => {
    const config = `{plugins: {entries: {openshell: {config: {${nested(key, value)}}}}}}`
    const { settings, warnings } = await resolved(['--backend', 'openshell'], { config })
    expect([settings.openshell[key], warnings]).toEqual([as, []])
  })
})

test.each([
  ['docker.containerPrefix', 'x-'],
  ['ssh.updateHostKeys', true],
  ['browser', { enabled: true }],
])('%s has no effect, and that is said', async (key, value) => {
  const { warnings } = await resolved([], { config: inSandbox(nested(key, value)) })
  expect(warnings).toEqual([expect.stringContaining(`${key.split('.').at(-1)} has no effect: `)])
})

test.each([
  ['backend', 'podman', 'is written "docker" for Podman'],
  ['backend', 'crabbox', 'not "crabbox"'],
  ['ssh.command', '/usr/bin/ssh', 'no ssh program is run'],
])('%s: %s is refused with the reason', async (key, value, reason) => {
  const { message } = await refusal([], { config: inSandbox(nested(key, value)) })
  expect(message).toContain(reason)
})

test('ssh.command may say what it is without being said', async () => {
  const config = inSandbox('ssh: { command: "ssh", target: "host" }')
  expect((await resolved([], { config })).settings.ssh).toEqual({ target: 'host' })
})
