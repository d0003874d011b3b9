/** OpenClaw's files are read as they are. */
import { expect, test } from 'vitest'
import { dockerDefaults } from '../../src/backends/docker/settings.ts'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { fixture, originLines, resolved } from './resolved.ts'

test('OpenClaw’s smallest remote OpenShell', async () => {
  const result = await resolved([], { config: fixture('openshell-remote.json5') })
  expect(result.settings).toMatchObject({
    mode: 'all',
    backend: 'openshell',
    scope: 'agent',
    access: 'rw',
    agent: 'main',
    openshell: { ...openShellDefaults, from: 'openclaw', mode: 'remote' },
    docker: dockerDefaults,
  })
  expect(result.settings.openshell).not.toHaveProperty('enabled')
  expect(result.warnings).toEqual([])
  expect(result.filesRead).toEqual(['/home/me/.config/sandbox-mcp/config.json5'])
  expect(originLines(result)).toMatchInlineSnapshot(`
    [
      "backend: "openshell" <- agents.defaults.sandbox.backend (line 7)",
      "mode: "all" <- agents.defaults.sandbox.mode (line 6)",
      "openshell.enabled: true <- plugins.entries.openshell.enabled (line 14)",
      "openshell.from: "openclaw" <- plugins.entries.openshell.config.from (line 16)",
      "openshell.mode: "remote" <- plugins.entries.openshell.config.mode (line 17)",
    ]
  `)
})

test('OpenClaw’s mirrored OpenShell with a GPU', async () => {
  const result = await resolved([], { config: fixture('openshell-mirror-gpu.json5') })
  expect(result.settings).toMatchObject({
    backend: 'openshell',
    scope: 'agent',
    access: 'rw',
    openshell: {
      ...openShellDefaults,
      from: 'openclaw',
      gpu: true,
      providers: ['openai'],
      timeoutSeconds: 180,
    },
  })
  expect(result.warnings).toEqual([])
  expect(originLines(result)).toMatchInlineSnapshot(`
    [
      "backend: "openshell" <- agents.defaults.sandbox.backend (line 7)",
      "mode: "all" <- agents.defaults.sandbox.mode (line 6)",
      "openshell.enabled: true <- plugins.entries.openshell.enabled (line 16)",
      "openshell.from: "openclaw" <- plugins.entries.openshell.config.from (line 18)",
      "openshell.gpu: true <- plugins.entries.openshell.config.gpu (line 20)",
      "openshell.mode: "mirror" <- plugins.entries.openshell.config.mode (line 19)",
      "openshell.providers: ["openai"] <- plugins.entries.openshell.config.providers (line 21)",
      "openshell.timeoutSeconds: 180 <- plugins.entries.openshell.config.timeoutSeconds (line 22)",
      "scope: "agent" <- agents.defaults.sandbox.scope (line 8)",
      "workspaceAccess: "rw" <- agents.defaults.sandbox.workspaceAccess (line 9)",
    ]
  `)
})

test('OpenClaw’s agent with a gateway of its own, which is the one that is meant', async () => {
  const config = fixture('openshell-agent-gateway.json5')
  const result = await resolved([], { config })
  expect(result.settings).toMatchObject({
    agent: 'researcher',
    mode: 'all',
    backend: 'openshell',
    scope: 'agent',
    access: 'rw',
    openshell: {
      ...openShellDefaults,
      from: 'openclaw',
      mode: 'remote',
      gateway: 'lab',
      gatewayEndpoint: 'https://lab.example',
      workspace: 'research',
      policy: '/etc/openclaw/openshell-policy.yaml',
    },
  })
  expect(result.warnings).toEqual([])
  expect(originLines(result)).toMatchInlineSnapshot(`
    [
      "agent: "researcher" <- agents.entries.researcher.default (line 9)",
      "backend: "openshell" <- agents.entries.researcher.sandbox.backend (line 12)",
      "mode: "all" <- agents.entries.researcher.sandbox.mode (line 11) (not "off": /home/me/.config/sandbox-mcp/config.json5)",
      "openshell.enabled: true <- plugins.entries.openshell.enabled (line 22)",
      "openshell.from: "openclaw" <- plugins.entries.openshell.config.from (line 24)",
      "openshell.gateway: "lab" <- plugins.entries.openshell.config.gateway (line 26)",
      "openshell.gatewayEndpoint: "https://lab.example" <- plugins.entries.openshell.config.gatewayEndpoint (line 27)",
      "openshell.mode: "remote" <- plugins.entries.openshell.config.mode (line 25)",
      "openshell.policy: "/etc/openclaw/openshell-policy.yaml" <- plugins.entries.openshell.config.policy (line 29)",
      "openshell.workspace: "research" <- plugins.entries.openshell.config.workspace (line 28)",
      "scope: "agent" <- agents.entries.researcher.sandbox.scope (line 13)",
      "workspaceAccess: "rw" <- agents.entries.researcher.sandbox.workspaceAccess (line 14)",
    ]
  `)
  const { settings } = await resolved(['--agent', 'main'], { config })
  expect(settings).toMatchObject({ agent: 'main', mode: 'off', backend: 'auto' })
})

test('everything that OpenClaw’s sandbox has', async () => {
  const env = { SSH_IDENTITY: 'a private key', SSH_KNOWN_HOSTS: 'host ssh-ed25519 AAAA' }
  const given = { config: fixture('openclaw.json5'), env }
  const { settings, warnings } = await resolved([], given)
  expect({ ...settings, openshell: undefined }).toMatchInlineSnapshot(`
    {
      "access": "rw",
      "agent": "main",
      "backend": "docker",
      "bubblewrap": {
        "network": "none",
      },
      "commandTimeoutSeconds": undefined,
      "docker": {
        "apparmorProfile": "openclaw-sandbox",
        "binds": [
          "/home/user/source:/source:rw",
        ],
        "capDrop": [
          "ALL",
        ],
        "cpus": 1,
        "dangerouslyAllowContainerNamespaceJoin": false,
        "dangerouslyAllowExternalBindSources": true,
        "dangerouslyAllowReservedContainerTargets": false,
        "dns": [
          "1.1.1.1",
          "8.8.8.8",
        ],
        "env": {
          "LANG": "C.UTF-8",
        },
        "extraHosts": [
          "internal.service:10.0.0.5",
        ],
        "gpus": "all",
        "image": "openclaw-sandbox:bookworm-slim",
        "memory": "1g",
        "memorySwap": "2g",
        "network": "none",
        "pidsLimit": 256,
        "readOnlyRoot": true,
        "seccompProfile": "/path/to/seccomp.json",
        "setupCommand": "apt-get update
    apt-get install -y git curl jq",
        "tmpfs": [
          "/tmp",
          "/var/tmp",
          "/run",
        ],
        "ulimits": {
          "core": "0",
          "fsize": {
            "hard": 5,
            "soft": 5,
          },
          "nofile": {
            "hard": 2048,
            "soft": 1024,
          },
          "nproc": 256,
        },
        "user": "1000:1000",
        "workdir": "/workspace",
      },
      "ephemeral": false,
      "image": "openclaw-sandbox:bookworm-slim",
      "mode": "all",
      "network": "none",
      "openshell": undefined,
      "outputCharacters": 30000,
      "prune": {
        "idleHours": 12,
        "maxAgeDays": 3,
      },
      "scope": "agent",
      "session": "main",
      "ssh": {
        "certificateFile": "~/.ssh/id_ed25519-cert.pub",
        "identityData": "a private key",
        "identityFile": "~/.ssh/id_ed25519",
        "knownHostsData": "host ssh-ed25519 AAAA",
        "knownHostsFile": "~/.ssh/known_hosts",
        "strictHostKeyChecking": true,
        "target": "user@gateway-host:22",
        "workspaceRoot": "/tmp/openclaw-sandboxes",
      },
      "sync": {
        "gitignore": false,
        "ignore": [],
      },
      "toolPrefix": "",
      "tools": {
        "allow": undefined,
        "deny": [
          "browser",
          "canvas",
          "apply_patch",
        ],
      },
      "workspace": undefined,
      "workspaceRoot": "/home/me/.openclaw/sandboxes",
    }
  `)
  expect(settings.openshell.providers).toEqual(['openai'])
  expect(warnings.join('\n')).toMatchInlineSnapshot(`
    "containerPrefix has no effect: names of sandboxes are the same on every engine (agents.defaults.sandbox.docker.containerPrefix, line 16 of /home/me/.config/sandbox-mcp/config.json5)
    updateHostKeys has no effect: host keys are never changed without being asked for (agents.defaults.sandbox.ssh.updateHostKeys, line 50 of /home/me/.config/sandbox-mcp/config.json5)
    browser has no effect: there is no sandboxed browser (agents.defaults.sandbox.browser, line 57 of /home/me/.config/sandbox-mcp/config.json5)"
  `)

  const family = await resolved(['--agent', 'family'], given)
  expect(family.settings).toMatchObject({
    workspace: {
      path: '/home/me/family',
      source: expect.stringContaining('agents.list[1].workspace'),
    },
    scope: 'session',
    tools: { allow: ['read', 'group:runtime'], deny: ['browser', 'canvas', 'apply_patch'] },
    docker: {
      image: 'openclaw-sandbox:bookworm-slim',
      binds: ['/home/user/source:/source:rw', '/srv/photos:/photos:ro'],
      env: { LANG: 'C.UTF-8', TZ: 'UTC' },
    },
  })
})
