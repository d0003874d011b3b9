/** What is said when an SSH host lets us in and is not fit for sandboxes, on real sshds. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import { seedOnce } from '../../src/sync/seed/seed.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { describeWhere } from '../support/available.ts'
import { context, never, newSpec } from '../support/remote-sandbox.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

const isRoot = process.getuid?.() === 0

describeWhere('ssh', 'an SSH host that is not fit', () => {
  let server: SshServer
  beforeAll(async () => {
    server = await startSshServer()
  })
  afterAll(() => server.close())

  const at = (workspaceRoot: string, host = server) =>
    new SshBackend({ ...host.settings, workspaceRoot }, host.account)
  const told = async (running: Promise<unknown>) => {
    const error = await running.then(
      () => expect.fail('it succeeded'),
      (reason) => reason,
    )
    return { code: error.code, message: error.message, hint: error.hint }
  }
  const otherRoot =
    'Check its permissions and the free space there, or choose another ssh.workspaceRoot.'

  test('a workspaceRoot that is a file', async () => {
    const file = join(server.folder, 'file')
    writeFileSync(file, '')
    const { name } = newSpec()
    const answer = (place: string) => ({
      code: 'SANDBOX_START_FAILED',
      message: `"${place}" on ${server.settings.target} cannot be used: ${file} is not a directory`,
      hint: otherRoot,
    })
    expect(await told(at(file).open({ ...newSpec(), name }, context))).toEqual(
      answer(`${file}/${name}`),
    )
    expect(await told(at(file).remove(name, never))).toEqual(answer(`${file}/${name}`))
    expect(await told(at(file).list('tests', never))).toEqual(answer(file))
  })

  test('a host without some of the tools', async () => {
    const tools = mkdtempSync(join(server.folder, 'tools-'))
    for (const tool of ['sh', 'env', 'cat', 'dd', 'id', 'ls', 'mkdir', 'mv', 'rm', 'tar']) {
      symlinkSync(join('/usr/bin', tool), join(tools, tool))
    }
    const bare = await startSshServer([`SetEnv PATH=${tools} SHLVL=1`])
    try {
      const root = join(bare.folder, 'none')
      const { target } = bare.settings
      expect(await told(at(root, bare).open(newSpec(), context))).toEqual({
        code: 'SANDBOX_START_FAILED',
        message: `${target} lacks sha256sum, stat, without which there can be no sandbox`,
        hint: 'Install sha256sum, stat there, or have a PATH set there that they are in.',
      })
      expect(existsSync(root)).toBe(false)
      const [check] = at(root, bare).checks
      expect(await check?.run(never)).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/^it lacks sha256sum, stat, find/),
      })
    } finally {
      await bare.close()
    }
  })

  test('a workspaceRoot that may not be written', async () => {
    // Root may write everywhere, so its commands are run as somebody else.
    const host = await startSshServer(
      isRoot
        ? [
            'ForceCommand setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"',
          ]
        : [],
    )
    chmodSync(host.folder, 0o755)
    const root = join(host.folder, 'locked')
    mkdirSync(root, { mode: 0o555 })
    const spec = newSpec()
    const { code, message, hint } = await told(at(root, host).open(spec, context))
    expect({ code, hint }).toEqual({ code: 'SANDBOX_START_FAILED', hint: otherRoot })
    expect(message).toMatch(
      `"${root}/${spec.name}" on ${host.settings.target} cannot be used: mkdir: cannot create directory`,
    )
    expect(message).toMatch(/Permission denied$/)
    expect(readdirSync(root)).toEqual([])
    await host.close()
  })

  test('an account with a shell that lets nobody in', async () => {
    const host = await startSshServer(['ForceCommand /usr/sbin/nologin'])
    expect(await told(at('/tmp', host).open(newSpec(), context))).toEqual({
      code: 'BACKEND_UNAVAILABLE',
      message: `${host.settings.target} was reached by SSH, and a script there failed: This account is currently not available.`,
      hint: 'Check that the account there may run commands, has env and a POSIX sh, and has no start-up files that read stdin or become another shell without a terminal, then call again.',
    })
    await host.close()
  })

  test('a host that gives no sessions', async () => {
    const host = await startSshServer(['MaxSessions 0'])
    expect(await told(at('/tmp', host).open(newSpec(), context))).toEqual({
      code: 'COMMAND_NOT_STARTED',
      message:
        'the command was not started: the host accepts the connection and refuses every session on it',
      hint: 'Allow sessions there (MaxSessions in sshd_config).',
    })
    await host.close()
  })

  test('a disk that is full', async ({ skip }) => {
    const root = join(server.folder, 'small')
    mkdirSync(root)
    const options = ['-t', 'tmpfs', '-o', 'size=512k', 'small', root]
    const mounted = await execa('mount', options, { reject: false })
    if (mounted.failed) return skip(`no small disk can be mounted here: ${mounted.stderr}`)
    const host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-full-')))
    try {
      writeFileSync(join(host, 'large'), Buffer.alloc(1024 * 1024))
      const sandbox = await at(root).open(newSpec(), context)
      const seed = () => seedOnce(sandbox, { host, rules: new SyncRules() }, context)
      const unseeded = await told(seed())
      expect(unseeded).toMatchObject({
        code: 'SANDBOX_START_FAILED',
        hint: 'Check the free space there (df) and that tar is installed, then call again: nothing was left half done.',
      })
      expect(unseeded.message).toContain(
        `the workspace could not be seeded from "${host}": tar: workspace/large: `,
      )
      expect(readdirSync(sandbox.root)).toEqual([])
      expect(readdirSync(join(sandbox.root, '..')).sort()).toEqual(['record', 'workspace'])

      writeFileSync(join(host, 'large'), 'small')
      expect((await seed()).sent).toEqual({ files: 1, bytes: 5 })

      await execa('sh', ['-c', `cat /dev/zero >${root}/fill; true`], { stderr: 'ignore' })
      const spec = newSpec()
      expect((await told(at(root).open(spec, context))).message).toMatch(/No space left on device$/)
      expect(existsSync(join(root, spec.name))).toBe(false)
      expect(readdirSync(root).sort()).toEqual(['fill', sandbox.name].sort())
      await sandbox.close()
    } finally {
      await execa('umount', [root])
      rmSync(host, { recursive: true })
    }
  })
})
