/** How sandboxes of OpenShell are reached: gateways, connections that end or are refused, directories. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Mount } from '../../src/sandbox.ts'
import { describeWhere } from '../support/available.ts'
import { processesWith } from '../support/stdio-server.ts'
import { never, newSpec, type OpenShellWorld, openShellWorld, printed } from './openshell-world.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const soon = { timeout: 30_000 }

describeWhere('openshell-double', 'OpenShell', () => {
  let world: OpenShellWorld
  let folder: string
  beforeAll(async () => {
    world = await openShellWorld({ version: '0.0.111', provisioningMs: 0 })
    folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-openshell-'))
  })
  afterEach(() => world.reset())
  afterAll(async () => {
    await world?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const proxies = () => world.double.invocations().filter(([word]) => word === 'ssh-proxy')

  test('a proxy that is killed ends its commands as lost, and the next one connects again', async () => {
    const sandbox = await world.open(world.backend(), newSpec())
    const channel = await sandbox.start('echo up; sleep 300', never)
    channel.stderr.resume()
    await new Promise((resolve) => channel.stdout.once('data', resolve))
    await world.double.killProxy()
    await expect(channel.exit).rejects.toMatchObject({
      code: 'SANDBOX_LOST',
      message: expect.stringMatching(/ went away: the connection was (cut|closed)$/),
    })
    expect(await printed(sandbox, 'echo again')).toBe('again\n')
  })

  test('a restart of the gateway is outlasted by the next command', async () => {
    const sandbox = await world.open(world.backend(), newSpec())
    await printed(sandbox, 'echo kept >kept')
    await world.double.restart(1_000)
    // The end of the connections may be heard of later than the next command is started.
    await expect
      .poll(() => printed(sandbox, 'cat kept').catch((error) => error.code), { timeout: 60_000 })
      .toBe('kept\n')
  })

  test('a sandbox that was deleted meanwhile is told as lost', async () => {
    const spec = newSpec()
    const sandbox = await world.open(world.backend(), spec)
    await world.cli('sandbox', 'delete', spec.name)
    const start = async () => {
      await sandbox.start('true', never)
      return 'started'
    }
    await expect
      .poll(() => start().catch((error) => `${error.code} ${error.message}`), { timeout: 60_000 })
      .toBe(
        `SANDBOX_LOST sandbox ${spec.name} went away: OpenShell has no sandbox of that name any more`,
      )
  })

  test('connections that are refused for a while are tried again', async () => {
    await world.double.set({ refuseConnections: [1, 2] })
    const sandbox = await world.open(world.backend(), newSpec())
    expect(await printed(sandbox, 'echo through')).toBe('through\n')
  })

  test('a connection too many waits until another one ends', async () => {
    const spec = newSpec()
    const first = await world.open(world.backend(), spec)
    await world.double.set({ connectionsPerSandbox: 1 })
    const before = proxies().length
    const second = world.open(world.backend(), spec)
    await expect.poll(() => proxies().length, { timeout: 60_000 }).toBeGreaterThan(before + 1)
    await first.close()
    expect(await printed(await second, 'echo through')).toBe('through\n')
  })

  test('many commands share few connections', async () => {
    const spec = newSpec()
    const sandbox = await world.open(world.backend(), spec)
    const script = 'echo up; cat'
    const channels = await Promise.all(
      Array.from({ length: 24 }, () => sandbox.start(script, new AbortController().signal)),
    )
    for (const { stdout, stderr } of channels) {
      stderr.resume()
      stdout.resume()
    }
    const counts = await world.double.connections()
    expect(counts[spec.name]).toBeLessThanOrEqual(3)
    for (const { stdin } of channels) stdin.end()
    await Promise.all(channels.map(({ exit }) => exit))
  })

  test('closing lets go of every connection', async () => {
    const spec = newSpec()
    const sandbox = await world.open(world.backend(), spec)
    await printed(sandbox, 'true')
    await sandbox.close()
    await expect
      .poll(async () => (await world.double.connections())[spec.name], { timeout: 30_000 })
      .toBe(0)
  })

  test('a proxy that says nothing is not left behind when who waits for it gives up', async () => {
    const hung = join(folder, 'hung')
    writeFileSync(hung, 'while :; do sleep 0.1; done\n')
    const command = join(folder, 'with-hung-proxy')
    const lines = [`case "$1" in ssh-proxy) exec sh '${hung}' ;; esac`, 'exec "$DOUBLE" "$@"']
    writeFileSync(command, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
    const environment = { ...world.environment, DOUBLE: world.double.command }
    const giveUp = new AbortController()
    const opening = world.open(world.backend({ command }, environment), newSpec(), giveUp.signal)
    await Promise.race([opening, expect.poll(() => processesWith(hung), soon).toHaveLength(1)])
    giveUp.abort()
    await expect(opening).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect.poll(() => processesWith(hung), soon).toEqual([])
  })

  test('a sandbox whose gateway hangs is let go of, with its proxies', async () => {
    const spec = newSpec()
    const sandbox = await world.open(world.backend(), spec)
    await printed(sandbox, 'true')
    const ofSandbox = () => processesWith(`ssh-proxy --gateway-name double --name ${spec.name}`)
    expect(ofSandbox()).not.toEqual([])
    const [gateway = 0] = processesWith(`gateway.mjs ${world.double.state}`)
    process.kill(gateway, 'SIGSTOP')
    try {
      await sandbox.close()
      await expect.poll(ofSandbox, soon).toEqual([])
    } finally {
      process.kill(gateway, 'SIGCONT')
    }
  })

  test('what a login profile says is no output, and a script may end any way', async () => {
    await world.double.set({ noisyProfile: true })
    const sandbox = await world.open(world.backend(), newSpec())
    const channel = await sandbox.start('echo out; echo err >&2; kill -KILL $$', never)
    const outputs = await Promise.all([text(channel.stdout), text(channel.stderr)])
    expect(outputs).toEqual(['out\n', 'err\n'])
    expect(await channel.exit).toBe(137)
  })

  test('HOME is beside the workspace where it would be the workspace', async () => {
    const sandbox = await world.open(world.backend(), newSpec())
    const look = 'cd && pwd && touch .cache-of-something && stat -c %a . && ls -A /sandbox'
    expect(await printed(sandbox, look)).toBe('/tmp/sandbox-mcp-home\n700\n')
  })

  test('HOME stays where it is when the workspace is another directory, which is made', async () => {
    const backend = world.backend({ remoteWorkspaceDir: '/sandbox/work/project' })
    const sandbox = await world.open(backend, newSpec())
    expect(sandbox.root).toBe('/sandbox/work/project')
    expect(await printed(sandbox, 'echo $HOME; ls -A /sandbox/work/project')).toBe('/sandbox\n')
  })

  const agentMount: Mount = { host: '/home/somebody/agent', sandbox: '/agent', writable: false }
  const twoMounts = () => {
    const spec = newSpec()
    return { ...spec, mounts: [...spec.mounts, agentMount] as [Mount, Mount] }
  }

  test('a second root that the policy does not allow is named, with the key that allows it', async () => {
    const spec = twoMounts()
    await expect(world.open(world.backend(), spec)).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringContaining('"/agent" cannot be written'),
      hint: expect.stringContaining('filesystem_policy.read_write'),
    })
    expect(await world.cli('sandbox', 'list', '--names')).not.toContain(spec.name)
  })

  test('a second root that the policy allows is there', async () => {
    const policy = join(folder, 'policy.yaml')
    const lists = {
      include_workdir: true,
      read_only: ['/usr', '/lib', '/proc', '/dev/urandom', '/app', '/etc', '/var/log'],
      read_write: ['/tmp', '/dev/null', '/agent'],
    }
    writeFileSync(policy, JSON.stringify({ version: 1, filesystem_policy: lists }))
    const sandbox = await world.open(world.backend({ policy }), twoMounts())
    expect(sandbox.agentRoot).toBe('/agent')
    expect(await printed(sandbox, 'echo x >/agent/file; ls -A /agent')).toBe('file\n')
  })

  test('a workspace that cannot be written is refused at once', async () => {
    await world.double.set({ readOnlyWorkspace: true })
    await expect(world.open(world.backend(), newSpec())).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      hint: expect.stringContaining('remoteWorkspaceDir'),
    })
  })

  /** Where no gateway is registered. */
  const elsewhere = () => {
    const config = mkdtempSync(join(folder, 'config-'))
    mkdirSync(join(config, 'openshell'))
    return { ...world.environment, XDG_CONFIG_HOME: config }
  }

  test('a gateway that is not registered is reached by its URL', async () => {
    const { endpoint } = world.double
    const env = elsewhere()
    const sandbox = await world.open(world.backend({ gatewayEndpoint: endpoint }, env), newSpec())
    expect(await printed(sandbox, 'echo through')).toBe('through\n')
    expect(proxies().at(-1)).toEqual(expect.arrayContaining(['--server', endpoint]))
  })

  test('the variables of OpenShell name a gateway, and the settings win over them', async () => {
    const { endpoint, gateway } = world.double
    const byUrl = { ...elsewhere(), OPENSHELL_GATEWAY_ENDPOINT: endpoint }
    expect(await world.backend({}, byUrl).list('tests', never)).toEqual([])
    const wrong = { ...world.environment, OPENSHELL_GATEWAY_ENDPOINT: 'http://127.0.0.1:1' }
    expect(await world.backend({ gateway }, wrong).list('tests', never)).toEqual([])
    await expect(world.backend({}, wrong).list('tests', never)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
    })
  })

  test('a gateway that is not known, and none at all, are told apart', async () => {
    const unknown = world.backend({ gateway: 'no-such' }).list('tests', never)
    await expect(unknown).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    const none = world.backend({}, elsewhere()).list('tests', never)
    await expect(none).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'OpenShell has no active gateway',
    })
  })

  test('a workspace of the control plane keeps its sandboxes apart', async () => {
    await world.cli('workspace', 'create', '--name', 'team-a')
    const spec = newSpec()
    const backend = world.backend({ workspace: 'team-a' })
    const sandbox = await world.open(backend, spec)
    expect(await printed(sandbox, 'echo through')).toBe('through\n')
    expect(await world.backend().list('tests', never)).toEqual([])
    await backend.remove(spec.name, never)
    expect(await backend.list('tests', never)).toEqual([])
  })

  test('a workspace that is not there, or that the release cannot have, is told', async () => {
    const missing = world.backend({ workspace: 'team-b' }).list('tests', never)
    await expect(missing).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('openshell workspace create'),
    })
    await world.double.set({ version: '0.0.87' })
    await expect(world.backend({ workspace: 'team-b' }).list('tests', never)).rejects.toMatchObject(
      {
        code: 'BACKEND_UNAVAILABLE',
        hint: expect.stringContaining('0.0.88'),
      },
    )
    expect(await world.backend({ workspace: 'default' }).list('tests', never)).toEqual([])
  })
})
