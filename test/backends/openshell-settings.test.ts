/** The settings of OpenShell: what is taken, and what is refused with the key, the value and the fix. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkOpenShellSettings } from '../../src/backends/openshell/check-settings.ts'
import { type OpenShellSettings, openShellDefaults } from '../../src/backends/openshell/settings.ts'

const check = (settings: Partial<OpenShellSettings>) =>
  checkOpenShellSettings({ ...openShellDefaults, ...settings })

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-policy-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the defaults can be used as they are', () => {
  expect(check({})).toEqual(openShellDefaults)
})

test('paths are normalised, and each provider is named once', () => {
  expect(
    check({
      providers: ['github', 'openai', 'github'],
      remoteWorkspaceDir: '/sandbox//a/./b/../c/',
      remoteAgentWorkspaceDir: '/sandbox/agent',
    }),
  ).toMatchObject({
    providers: ['github', 'openai'],
    remoteWorkspaceDir: '/sandbox/a/c',
    remoteAgentWorkspaceDir: '/sandbox/agent',
  })
})

test('a policy that is there is taken', () => {
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, 'version: 1\n')
  expect(check({ policy }).policy).toBe(policy)
})

test.each<[Partial<Record<keyof OpenShellSettings, unknown>>, string]>([
  [{ mode: 'both' }, 'mode is "both"'],
  [{ command: ' ' }, 'command is " "'],
  [{ from: '' }, 'from is ""'],
  [{ from: '--help' }, 'from is "--help"'],
  [{ gateway: '-g' }, 'gateway is "-g"'],
  [{ gatewayEndpoint: 'localhost:8080' }, 'gatewayEndpoint is "localhost:8080"'],
  [{ gatewayEndpoint: 'ssh://host' }, 'gatewayEndpoint is "ssh://host"'],
  [{ workspace: 'Team' }, 'workspace is "Team"'],
  [{ workspace: 'a--b' }, 'workspace is "a--b"'],
  [{ workspace: '-a' }, 'workspace is "-a"'],
  [{ workspace: 'twenty-characters-xx' }, 'workspace is "twenty-characters-xx"'],
  [{ policy: 'policy.yaml' }, 'policy is "policy.yaml"'],
  [{ policy: '/no/such/policy.yaml' }, 'policy is "/no/such/policy.yaml"'],
  [{ policy: tmpdir() }, `policy is "${tmpdir()}"`],
  [{ providers: ['a', ''] }, 'providers is ""'],
  [{ providers: Array.from({ length: 33 }, (_, at) => `p${at}`) }, 'providers is 33'],
  [{ remoteWorkspaceDir: 'sandbox' }, 'remoteWorkspaceDir is "sandbox"'],
  [{ remoteWorkspaceDir: '/' }, 'remoteWorkspaceDir is "/"'],
  [{ remoteWorkspaceDir: '/sandboxes' }, 'remoteWorkspaceDir is "/sandboxes"'],
  [{ remoteWorkspaceDir: '/sandbox/../etc' }, 'remoteWorkspaceDir is "/sandbox/../etc"'],
  [{ remoteAgentWorkspaceDir: '/home/agent' }, 'remoteAgentWorkspaceDir is "/home/agent"'],
  [{ remoteAgentWorkspaceDir: '/sandbox/' }, 'remoteAgentWorkspaceDir is "/sandbox/"'],
  [{ remoteAgentWorkspaceDir: '/sandbox/agent' }, 'remoteAgentWorkspaceDir is "/sandbox/agent"'],
  [{ remoteWorkspaceDir: '/agent/project' }, 'remoteAgentWorkspaceDir is "/agent"'],
  [{ timeoutSeconds: 0 }, 'timeoutSeconds is 0'],
  [{ timeoutSeconds: Number.NaN }, 'timeoutSeconds is null'],
  [{ timeoutSeconds: 1e9 }, 'timeoutSeconds is 1000000000'],
])('%j is refused', (settings, told) => {
  expect(() => check(settings as Partial<OpenShellSettings>)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: `plugins.entries.openshell.config.${told}, which cannot be used`,
      hint: expect.stringMatching(/^(Write|Name) /),
    }),
  )
})

test('a URL with a password is refused, and the password is not repeated', () => {
  const gatewayEndpoint = 'https://somebody:hunter2@gateway.example'
  expect(() => check({ gatewayEndpoint })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  )
})
