/** What the ssh backend does with directories, connections and processes on a real sshd's host. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SshBackend } from '../../src/backends/ssh.ts'
import { runScript } from '../../src/scripts/script.ts'
import { seedOnce } from '../../src/sync/seed/seed.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { describeWhere } from '../support/available.ts'
import { context, never, newSpec, run } from '../support/remote-sandbox.ts'
import { startSshBackend } from '../support/ssh-backend.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

describeWhere('ssh', 'the ssh backend', () => {
  let server: SshServer
  let backend: SshBackend
  let root: string
  beforeAll(async () => {
    ;({ server, backend, root } = await startSshBackend())
  })
  afterAll(() => server.close())

  test('a sandbox is a private directory with a record, and nothing else is left', async () => {
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    expect(sandbox.root).toBe(join(root, spec.name, 'workspace'))
    expect(readdirSync(root)).toEqual([spec.name])
    expect(readdirSync(join(root, spec.name)).sort()).toEqual(['record', 'workspace'])
    expect((await run(sandbox, `stat -c %a ${root}/${spec.name}`)).output).toBe('700\n')
    await run(sandbox, `mkdir -p ${sandbox.root}/d && chmod 555 ${sandbox.root}/d`)
    await backend.remove(spec.name, never)
    expect(readdirSync(root)).toEqual([])
    await sandbox.close()
  })

  test('scripts arrive whole, whatever is in them, also long ones', async () => {
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    const hostile = 'a\\nb\\\\ %s %% \t \u00e9\u0001\u{1f600} \\0101 \\c $(x) `y`'
    for (const padding of ['', `# ${'+'.repeat(5_000)}\n`]) {
      const { output } = await run(sandbox, `${padding}cat <<'END'\n${hostile}\nEND`)
      expect(output).toBe(`${hostile}\n`)
      const script = `${padding}cat; echo +`
      const result = await runScript(sandbox, script, Buffer.from('its own\n'), never)
      expect(result.stdout.toString()).toBe('its own\n+\n')
    }
    expect((await run(sandbox, '+1 2>/dev/null; echo $?')).output).toBe('127\n')
    const long = 'x'.repeat(200_000)
    expect((await run(sandbox, `echo ${long} | wc -c`)).output.trim()).toBe('200001')
    expect((await run(sandbox, 'echo "[$sbx_text]"; exit 9')).output).toBe('[]\n')
    expect((await run(sandbox, 'kill -TERM $$')).code).toBe(143)
    await backend.remove(spec.name, never)
    await sandbox.close()
  })

  test('a script sees the environment of the account, whatever the shell that waits for it needs', async () => {
    const other = await startSshServer(['SetEnv script=theirs text=theirs SHLVL=1'])
    const sandbox = await new SshBackend(other.settings, other.account).open(newSpec(), context)
    for (const padding of ['', `: ${'x'.repeat(5_000)}; `]) {
      const { output } = await run(sandbox, `${padding}echo "$script $text"`)
      expect(output).toBe('theirs theirs\n')
    }
    await sandbox.close()
    await other.close()
  })

  test('a host that takes few sessions on a connection gets more connections', async () => {
    const narrow = await startSshServer(['MaxSessions 3'])
    const sandbox = await new SshBackend(narrow.settings, narrow.account).open(newSpec(), context)
    const busy = Array.from({ length: 12 }, (_, at) =>
      run(
        sandbox,
        `touch ${sandbox.root}/${at}; until [ $(ls ${sandbox.root} | wc -l) = 12 ]; do sleep 0.05; done; echo ${at}`,
      ),
    )
    const outputs = (await Promise.all(busy)).map(({ output }) => output.trim())
    expect(outputs).toEqual(outputs.map((_, at) => String(at)))
    await sandbox.close()
    await narrow.close()
  })

  test('a cut connection is told as lost, and the next script opens another', async () => {
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    const channel = await sandbox.start('echo up; sleep 300', never)
    channel.stderr.resume()
    await new Promise((resolve) => channel.stdout.once('data', resolve))
    channel.stdout.resume()
    // The process of sshd that serves this connection, found from a script in it.
    const { output } = await run(sandbox, 'echo $PPID')
    process.kill(Number(output), 'SIGKILL')
    await expect(channel.exit).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
    await expect
      .poll(() => run(sandbox, 'echo again').catch(() => {}))
      .toMatchObject({
        output: 'again\n',
      })
    await backend.remove(spec.name, never)
    await sandbox.close()
  })

  test('closing leaves no process of ours behind', async () => {
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    await run(sandbox, 'true')
    await sandbox.close()
    const look = `grep -lsz '^SANDBOX_MCP_SANDBOX=${spec.name}$' /proc/[0-9]*/environ; true`
    await expect.poll(async () => (await execa('sh', ['-c', look])).stdout).toBe('')
    await expect(run(sandbox, 'true')).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
    await backend.remove(spec.name, never)
  })

  test('what is not ours is neither used nor removed', async () => {
    const plain = newSpec()
    mkdirSync(join(root, plain.name, 'workspace'), { recursive: true })
    writeFileSync(join(root, plain.name, 'workspace/precious'), '1')
    const linked = newSpec()
    const real = await backend.open(newSpec(), context)
    symlinkSync(join(real.root, '..'), join(root, linked.name))
    for (const { name } of [plain, linked]) {
      const spec = name === plain.name ? plain : linked
      await expect(backend.open(spec, context)).rejects.toMatchObject({
        code: 'SANDBOX_START_FAILED',
      })
      await expect(backend.remove(name, never)).rejects.toMatchObject({
        code: 'SANDBOX_START_FAILED',
      })
    }
    expect(readFileSync(join(root, plain.name, 'workspace/precious'), 'utf8')).toBe('1')
    expect(existsSync(real.root)).toBe(true)
    await real.close()
  })

  test('the second mount has a directory of its own, made by who fills it when it is asked for late', async () => {
    const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-agent-')))
    const workspace = { host: '/nowhere', sandbox: '/workspace', writable: true }
    const spec = newSpec()
    const plain = await backend.open(spec, context)
    expect(plain.agentRoot).toBeUndefined()
    const agent = { host: elsewhere, sandbox: '/agent', writable: false }
    const both = { ...spec, mounts: [workspace, agent] as const }
    await expect(
      backend.open({ ...both, installation: 'somebody else' }, context),
    ).rejects.toMatchObject({ code: 'SANDBOX_START_FAILED' })
    expect(readdirSync(join(root, spec.name)).sort()).toEqual(['record', 'workspace'])
    const again = await backend.open(both, context)
    const other = { ...newSpec(), mounts: both.mounts }
    const anew = await backend.open(other, context)
    for (const { sandbox, name } of [
      { sandbox: again, name: spec.name },
      { sandbox: anew, name: other.name },
    ]) {
      expect(sandbox.agentRoot).toBe(join(root, name, 'agent'))
      const { agentRoot = '' } = sandbox
      await seedOnce(sandbox, { host: elsewhere, rules: new SyncRules(), root: agentRoot }, context)
      expect((await run(sandbox, `stat -c %a ${agentRoot}`)).output).toBe('755\n')
      await sandbox.close()
      await backend.remove(name, never)
    }
    await plain.close()
    rmSync(elsewhere, { recursive: true })
  })

  test('settings that lead to another host touch nothing there, and nothing here', async () => {
    const spec = newSpec()
    const theirs = newSpec({ installation: 'somebody else' })
    const sandbox = await backend.open(spec, context)
    const second = await startSshServer()
    const moved = new SshBackend(second.settings, second.account)
    const foreign = await moved.open(theirs, context)
    await moved.remove(spec.name, never)
    expect(await moved.list(spec.installation, never)).toEqual([])
    expect(existsSync(foreign.root)).toBe(true)
    expect(existsSync(sandbox.root)).toBe(true)
    expect((await backend.list(spec.installation, never)).map(({ name }) => name)).toContain(
      spec.name,
    )
    await backend.remove(spec.name, never)
    await Promise.all([sandbox.close(), foreign.close()])
    await second.close()
  })

  test('a home that hosts share holds the sandboxes of one target, until another takes them over', async () => {
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    const target = `ssh://${server.settings.target}`
    const respelled = new SshBackend({ ...server.settings, target }, server.account)
    const names = async (at: SshBackend) =>
      (await at.list(spec.installation, never)).map(({ name }) => name)
    expect(await names(respelled)).not.toContain(spec.name)
    const error = await respelled.remove(spec.name, never).catch((reason) => reason)
    expect(error.message).toBe(
      `the sandbox ${spec.name} on ${target} was made through the target "${server.settings.target}"; it was not removed`,
    )
    expect(existsSync(sandbox.root)).toBe(true)
    await (await respelled.open(spec, context)).close()
    expect(await names(respelled)).toContain(spec.name)
    expect(await names(backend)).not.toContain(spec.name)
    await respelled.remove(spec.name, never)
    expect(existsSync(sandbox.root)).toBe(false)
    await sandbox.close()
  })

  test('a directory that holds the record of another sandbox is not removed', async () => {
    const spec = newSpec()
    const sandbox = await backend.open(spec, context)
    const copy = newSpec().name
    await execa('cp', ['-R', join(root, spec.name), join(root, copy)])
    await expect(backend.remove(copy, never)).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
    })
    expect(existsSync(join(root, copy, 'workspace'))).toBe(true)
    await backend.remove(spec.name, never)
    await sandbox.close()
  })

  test('a root that cannot be made is told with the reason', async () => {
    const file = join(server.folder, 'a-file')
    writeFileSync(file, '')
    const blocked = new SshBackend(
      { ...server.settings, workspaceRoot: `${file}/below` },
      server.account,
    )
    await expect(blocked.open(newSpec(), context)).rejects.toThrow(/Not a directory/)
  })

  test('an account whose start-up file talks is no obstacle', async () => {
    const noisy = await startSshServer([
      'ForceCommand echo hello; echo hello >&2; eval "$SSH_ORIGINAL_COMMAND"',
    ])
    const talking = new SshBackend(noisy.settings, noisy.account)
    const spec = newSpec()
    const sandbox = await talking.open(spec, context)
    const result = await runScript(sandbox, 'echo out; echo err >&2', undefined, never)
    expect(result.stdout.toString()).toBe('out\n')
    expect(result.stderr).toBe('err\n')
    await talking.remove(spec.name, never)
    await sandbox.close()
    await noisy.close()
  })
})
