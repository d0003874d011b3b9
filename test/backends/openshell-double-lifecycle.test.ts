/** The double's sandboxes come, wait, fail and go as the real ones do, in each version. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { OpenShellClient } from '../support/openshell/client.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import { defaultKnobs } from '../support/openshell/protocol.ts'

// Each call is a process; a machine that is busy takes its time.
vi.setConfig({ testTimeout: 120_000 })

describeWhere('openshell-double', 'the sandboxes of the double', () => {
  let double: OpenShellDouble
  let client: OpenShellClient
  const reset = { ...defaultKnobs, provisioningMs: 0 }
  beforeAll(async () => {
    double = await startOpenShellDouble(reset)
    client = new OpenShellClient(double)
  })
  afterEach(async () => {
    await double.set(reset)
    await client.say('sandbox delete --all')
  })
  afterAll(() => double.close())

  const refusals = async (name: string) => ({
    exec: (await client.say(`sandbox exec -n ${name} -- true`)).failure,
    proxy: (await client.say(`ssh-proxy --gateway-name double --name ${name}`)).failure,
    upload: (await client.say(`sandbox upload ${name} /etc/hostname`)).failure,
  })

  test('until a sandbox is Ready nothing runs in it', async () => {
    await double.set({ provisioningMs: 600_000 })
    const env = { OPENSHELL_PROVISION_TIMEOUT: '1' }
    const { exitCode, failure } = await client.say('sandbox create --name slow -o json', { env })
    expect(exitCode).toBe(1)
    expect(failure).toContain(
      'sandbox provisioning timed out after 1s. Last reported status: Starting',
    )
    expect(await client.phase('slow')).toBe('Provisioning')
    const notReady = expect.stringContaining('sandbox is not ready')
    expect(await refusals('slow')).toEqual({
      exec: "Error: sandbox 'slow' is not ready (phase: Provisioning); wait for it to reach Ready state",
      proxy: notReady,
      upload: notReady,
    })
    const stopped = await client.say('sandbox stop slow')
    expect(stopped.failure).toContain('sandbox must be Ready to stop (current phase: Provisioning)')
  })

  test('a creation that fails leaves a record in Error, which only goes', async () => {
    await double.set({ missingImages: ['image:none'] })
    const { exitCode, stdout, failure } = await client.say(
      'sandbox create --name bad --from image:none -o json',
    )
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(failure).toContain('sandbox entered error phase while provisioning: ImagePullFailed:')
    expect(await client.phase('bad')).toBe('Error')
    for (const action of ['stop', 'start']) {
      expect((await client.say(`sandbox ${action} bad`)).failure).toContain(
        '(current phase: Error)',
      )
    }
    expect((await client.say('sandbox create --name bad')).failure).toContain('already exists')
    expect((await client.say('sandbox delete bad')).exitCode).toBe(0)
    expect(await client.phase('bad')).toContain('sandbox not found')
  })

  test('a deletion is accepted before it is done; until then the name is taken', async () => {
    await client.create('going')
    await double.set({ deletingMs: 600_000 })
    expect((await client.say('sandbox delete going')).exitCode).toBe(0)
    expect(await client.phase('going')).toBe('Deleting')
    expect((await client.say('sandbox list --names')).stdout).toBe('going\n')
    expect((await client.say('sandbox create --name going')).failure).toContain('already exists')
    expect((await refusals('going')).exec).toContain('is not ready (phase: Deleting)')
  })

  test('stop and start keep the workspace and are done when they are done already', async () => {
    await client.create('kept')
    await client.say('sandbox exec -n kept -- touch /sandbox/file /tmp/other')
    for (const _ of [1, 2]) expect((await client.say('sandbox stop kept')).exitCode).toBe(0)
    expect(await client.phase('kept')).toBe('Stopped')
    expect((await refusals('kept')).proxy).toContain('sandbox is not ready')
    for (const _ of [1, 2]) expect((await client.say('sandbox start kept')).exitCode).toBe(0)
    const { stdout } = await client.say('sandbox exec -n kept -- ls /sandbox/file /tmp/other')
    expect(stdout).toBe('/sandbox/file\n/tmp/other\n')
  })

  test('when the gateway restarts, sandboxes are Provisioning for a while', async () => {
    await client.create('dips')
    await double.restart(600_000)
    expect(await client.phase('dips')).toBe('Provisioning')
    await client.create('returns')
    await double.restart(0)
    await expect.poll(() => client.phase('returns')).toBe('Ready')
  })

  test('the main process is the sandbox from 0.0.111 on: its end is Error, later also Completed', async () => {
    await client.say('sandbox create --name main --no-tty -- true')
    await expect.poll(() => client.phase('main')).toBe('Error')
    expect((await client.say('sandbox start main')).failure).toContain('(current phase: Error)')
    const long = await client.say('sandbox create --name long --detach -- sleep infinity')
    expect(long.exitCode).toBe(0)
    expect(await client.phase('long')).toBe('Ready')
    const text = await client.say('sandbox create --name shell --no-tty')
    expect(text.exitCode).toBe(0)
    expect(text.stdout).toContain('Created sandbox:')
    expect(await client.phase('shell')).toBe('Ready')
    await double.set({ version: '0.1.5' })
    await client.say('sandbox create --name well --no-tty --detach -- true')
    await expect.poll(() => client.phase('well')).toBe('Completed')
    await client.say('sandbox create --name badly --no-tty --detach -- false')
    await expect.poll(() => client.phase('badly')).toBe('Error')
    await double.set({ version: '0.0.111' })
    expect(await client.phase('well')).toBe('Unknown')
  })

  test('up to 0.0.110 a command runs once the sandbox is ready, and a shell without one', async () => {
    await double.set({ version: '0.0.110' })
    const detached = await client.say('sandbox create --name a --detach')
    expect(detached.exitCode).toBe(2)
    expect(detached.stderr).toContain("unexpected argument '--detach' found")
    const ran = await client.say('sandbox create --name ran --no-tty -- echo hello')
    expect({ exitCode: ran.exitCode, said: ran.stdout.includes('hello\n') }).toEqual({
      exitCode: 0,
      said: true,
    })
    expect(await client.phase('ran')).toBe('Ready')
    expect((await client.say('sandbox create --name fails --no-tty -- false')).exitCode).toBe(1)
    const shell = await client.say('sandbox create --name shell', { input: 'echo from $PWD\n' })
    expect(shell.stdout).toContain('from /sandbox\n')
  })

  test('old versions have long names, and neither workspaces nor JSON', async () => {
    await double.set({ version: '0.0.86' })
    const long = 'a-name-of-more-than-nineteen-characters'
    const made = await client.say(`sandbox create --name ${long} --no-tty -- true`)
    expect(made.exitCode).toBe(0)
    const [entry] = JSON.parse((await client.say('sandbox list -o json')).stdout)
    expect(Object.keys(entry).sort()).not.toContain('workspace')
    expect((await client.say(`sandbox get ${long} -o json`)).exitCode).toBe(2)
    expect((await client.say(`sandbox list --workspace default`)).exitCode).toBe(2)
    const { stdout } = await client.say(`sandbox exec --name ${long} -- hostname`)
    expect(stdout).toBe('sandbox\n')
  })
})
