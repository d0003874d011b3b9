/** The double's command line and gateway behave as the real ones are known to (versions, phases, words). */
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { OpenShellClient, plain } from '../support/openshell/client.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import { defaultKnobs, type Knobs } from '../support/openshell/protocol.ts'

const notFound = `code: 'Some requested entity was not found', message: "sandbox not found"`

// Each call is a process; a machine that is busy takes its time.
vi.setConfig({ testTimeout: 120_000 })

describeWhere('openshell-double', 'the double of openshell', () => {
  let double: OpenShellDouble
  let client: OpenShellClient
  beforeAll(async () => {
    double = await startOpenShellDouble({ provisioningMs: 0 })
    client = new OpenShellClient(double)
  })
  afterAll(() => double.close())

  /** What the knobs do lasts for one test. */
  const withKnobs = async (knobs: Partial<Knobs>, act: () => Promise<void>) => {
    await double.set(knobs)
    try {
      await act()
    } finally {
      await double.set({ ...defaultKnobs, provisioningMs: 0 })
    }
  }
  const remove = (...names: string[]) => client.run(['sandbox', 'delete', ...names])

  test('a group without a command prints help, and every call is noted', async () => {
    const before = double.invocations().length
    const { exitCode, stdout } = await client.say('sandbox')
    expect({ exitCode, help: stdout.includes('COMMANDS') }).toEqual({ exitCode: 0, help: true })
    expect(double.invocations().slice(before)).toEqual([['sandbox']])
  })

  test('JSON is the documented object, on stdout alone; words for people are coloured', async () => {
    const args = 'sandbox create --name json --no-tty --no-auto-providers -o json --label a=b'
    const created = await client.say(args)
    expect(created.stderr).toBe('Provisioning sandbox (structured output on stdout)...\n')
    const sandbox = JSON.parse(created.stdout)
    expect(sandbox).toEqual({
      annotations: {},
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      current_policy_version: 1,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      labels: { a: 'b' },
      name: 'json',
      phase: 'Ready',
      resource_version: expect.any(Number),
      workspace: 'default',
    })
    expect(created.stdout).toBe(`${JSON.stringify(sandbox, undefined, 2)}\n`)
    const got = JSON.parse((await client.say('sandbox get json -o json')).stdout)
    expect(got).toMatchObject({ ...sandbox, policy_source: 'sandbox', revision: 1 })
    expect(got.policy.filesystem_policy.include_workdir).toBe(true)
    const listed = await client.say('sandbox list -o json --selector a=b')
    expect(JSON.parse(listed.stdout)).toEqual([sandbox])
    expect((await client.say('sandbox list --selector a=c')).stdout).toBe('No sandboxes found.\n')
    expect((await client.say('sandbox list')).stdout).toContain('\x1b[32mReady\x1b[39m')
    const deleted = await client.say('sandbox delete json')
    expect(deleted.stdout).toBe('\x1b[1m\x1b[32m✓\x1b[39m\x1b[0m Deleted sandbox json\n')
    expect((await client.say('sandbox list -o json')).stdout).toBe('[]\n')
  })

  test('refusals are wrapped reports with exit code 1, in older words and other glyphs on demand', async () => {
    const { exitCode, stderr, stdout } = await client.say('sandbox get nobody -o json')
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toBe(`Error:   × ${notFound}\n\n`)
    const long = await client.run(['sandbox', 'create', '--name', 'x'.repeat(20), '--label', 'a=b'])
    expect(long.stderr).toBe(
      [
        `Error:   × code: 'Client specified an invalid argument', message: "name exceeds`,
        `  │ maximum length (20 > 19)"\n\n`,
      ].join('\n'),
    )
    await withKnobs({ oldErrors: true, asciiErrors: true }, async () => {
      const old = await client.say('sandbox get nobody')
      expect(old.stderr).toBe('Error:   x status: NotFound, message: "sandbox not found"\n\n')
    })
  })

  test.each([
    [['--name', 'Ab'], 'name must contain only lowercase alphanumeric characters or hyphens'],
    [['--name=-a'], 'name must not start or end with a hyphen'],
    [['--name', 'a--b'], 'name must not contain consecutive hyphens'],
    [['--name', 'a', '--label', `a=${'x'.repeat(64)}`], 'label value exceeds 63 characters'],
    [['--name', 'a', '--label', 'a=b/c'], 'label value contains invalid characters'],
    [['--name', 'a', '--label=-a=b'], 'label key name segment must start with alphanumeric'],
    [
      ['--name', 'a', '--env', `A=${'x'.repeat(8193)}`],
      'value exceeds maximum length (8193 > 8192)',
    ],
    [['--name', 'a', '--env', 'A=b\nc'], 'contains newline or carriage return characters'],
    [['--name', 'a', '--provider', 'p'], "provider 'p' not found and 'p' is not a recognized"],
    [['--name', 'a', '--workspace', 'none'], "workspace 'none' not found"],
    [['--name', 'a', '--policy', '/nowhere'], 'failed to read sandbox policy from /nowhere'],
  ])('create refuses %j', async (args, message) => {
    const { exitCode, stderr } = await client.run(['sandbox', 'create', '-o', 'json', ...args])
    expect(exitCode).toBe(1)
    expect(plain(stderr)).toContain(message)
    expect((await client.say('sandbox list --ids')).stdout).toBe('')
  })

  test('names are unique in a workspace, and a workspace is removed when it is empty', async () => {
    await client.say('workspace create --name team')
    await client.create('same')
    await client.create('same', '--workspace', 'team')
    const taken = await client.say('sandbox create --name same')
    expect(taken.stderr).toBe(
      "Error:   × sandbox 'same' already exists\n  │\n  │ hint: delete it first with: openshell sandbox delete <name>\n  │       or use a different name\n\n",
    )
    const { stdout } = await client.say('sandbox list --names --all-workspaces')
    expect(stdout.split('\n').filter(Boolean).sort()).toEqual(['default/same', 'team/same'])
    const kept = await client.say('workspace delete team')
    expect(kept.failure).toContain("workspace 'team' still contains resources: sandbox")
    const terminating = await client.say('sandbox create --name other --workspace team')
    expect(terminating.failure).toContain("workspace 'team' is being deleted")
    await client.say('sandbox delete same --workspace team')
    expect((await client.say('workspace delete team')).exitCode).toBe(0)
    const standing = await client.say('workspace delete default')
    expect(standing.failure).toContain('the default workspace cannot be deleted')
    await remove('same')
  })

  test('deleting a missing sandbox fails and leaves later names; one that is lost is told on stdout', async () => {
    await client.create('first')
    await client.create('last')
    const { exitCode, failure, stdout } = await client.say('sandbox delete first gone last')
    expect({ exitCode, failure }).toEqual({ exitCode: 1, failure: `Error: ${notFound}` })
    expect(plain(stdout)).toBe('✓ Deleted sandbox first')
    expect((await client.say('sandbox list --names')).stdout).toBe('last\n')
    await double.lose('last')
    const lost = await client.say('sandbox delete last')
    expect({ exitCode: lost.exitCode, stdout: plain(lost.stdout) }).toEqual({
      exitCode: 0,
      stdout: '! Sandbox last not found',
    })
  })

  test('a gateway that cannot be reached is told by every command, and status fails too', async () => {
    await double.down()
    const chain =
      'transport error tcp connect error tcp connect error Connection refused (os error 111)'
    expect((await client.say('sandbox list')).failure).toBe(`Error: ${chain}`)
    const created = await client.say('sandbox create --name a')
    expect(created.failure).toContain(
      `failed to connect to gateway 'double' at ${double.endpoint}.`,
    )
    expect(created.failure).toContain(chain)
    expect((await client.say('status -o json')).exitCode).toBe(1)
    expect((await client.say('ssh-proxy --gateway-name double --name a')).exitCode).toBe(1)
    await double.up()
    expect((await client.say('sandbox list')).exitCode).toBe(0)
  })

  test('who is not let in is told so; status is fine nevertheless', async () => {
    await withKnobs({ access: 'unauthenticated' }, async () => {
      const { exitCode, failure } = await client.say('sandbox list')
      expect(exitCode).toBe(1)
      expect(failure).toContain('The request does not have valid authentication credentials')
      expect(failure).toContain('missing authorization header')
      const status = await client.say('status -o json')
      expect(status.exitCode).toBe(0)
      expect(JSON.parse(status.stdout)).toMatchObject({
        status: 'connected',
        authentication: { status: 'failed' },
      })
    })
    await withKnobs({ access: 'forbidden' }, async () => {
      const { failure } = await client.say('sandbox get a')
      expect(failure).toContain("not a member of workspace 'default'")
    })
  })

  test('ssh-config asks nobody, and an endpoint that is not registered stands in it as a name', async () => {
    const known = await client.say('sandbox ssh-config nobody')
    expect(known.stdout).toContain('Host openshell-nobody.default\n')
    expect(known.stdout).toContain('--gateway-name double --name nobody --workspace default\n')
    const raw = await client.say('--gateway-endpoint http://127.0.0.1:1 sandbox ssh-config nobody')
    expect(raw.stdout).toContain("--gateway-name 'http://127.0.0.1:1' --name nobody")
    const used = await client.say('ssh-proxy --gateway-name http://127.0.0.1:1 --name nobody')
    expect(used.failure).toContain("Unknown gateway 'http://127.0.0.1:1'.")
    await withKnobs({ version: '0.0.86' }, async () => {
      const { stdout } = await client.say('sandbox ssh-config nobody')
      expect(stdout).toContain('Host openshell-nobody\n')
      expect(stdout).toContain('--name nobody\n')
    })
  })

  test('the command is told to end, and what it asked for happens', async () => {
    await withKnobs({ provisioningMs: 60_000 }, async () => {
      const call = execa(double.command, ['sandbox', 'create', '--name', 'told', '-o', 'json'], {
        env: double.env,
        reject: false,
      })
      await expect.poll(() => client.phase('told')).toBe('Provisioning')
      call.kill('SIGTERM')
      expect((await call).exitCode).not.toBe(0)
      expect(await client.phase('told')).toBe('Provisioning')
    })
    await remove('told')
  })
})
