/** What start-up files of an account on an SSH host do, and what commands see of it. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { SshBackend } from '../../src/backends/ssh.ts'
import { openGuard } from '../../src/guard/guard.ts'
import { spawn } from '../../src/process.ts'
import type { Sandbox } from '../../src/sandbox.ts'
import { describeWhere } from '../support/available.ts'
import { context, never, newSpec, run } from '../support/remote-sandbox.ts'
import { startSshServer } from '../support/ssh-server.ts'

describeWhere('ssh', 'an account on an SSH host', () => {
  /** A backend on a host where the account has this .bashrc and such variables. */
  const backendWith = async (bashrc: string, variables = '') => {
    const home = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-home-')))
    writeFileSync(join(home, '.bashrc'), bashrc)
    const host = await startSshServer([`SetEnv HOME=${home} ${variables}`])
    onTestFinished(async () => {
      await host.close()
      rmSync(home, { recursive: true, force: true })
    })
    return new SshBackend(host.settings, host.account)
  }

  const commandIn = async (sandbox: Sandbox, command: string) => {
    const guard = await openGuard(sandbox, never)
    const process = await spawn(guard, command, { workdir: sandbox.root })
    const [out, err] = await Promise.all([text(process.stdout), text(process.stderr)])
    await process.exit
    await guard.close()
    return { out, err }
  }

  test.each(['pwd', 'pwd; : "$BASH_VERSION"'])(
    'whose start-up file goes elsewhere and talks: commands (%s) know nothing of it',
    async (command) => {
      const backend = await backendWith(
        'cd /; echo welcome; echo warning >&2; trap "echo bye" EXIT',
      )
      const sandbox = await backend.open(newSpec(), context)
      expect(await commandIn(sandbox, command)).toEqual({ out: `${sandbox.root}\n`, err: '' })
      await sandbox.close()
    },
  )

  test.each(['-x', '-v'])('whose login shell traces (set %s): nobody hears of it', async (flag) => {
    const backend = await backendWith(`set ${flag}`)
    const sandbox = await backend.open(newSpec(), context)
    for (const script of [
      'echo out; echo err >&2',
      `: ${'x'.repeat(5_000)}; echo out; echo err >&2`,
    ]) {
      expect(await run(sandbox, script)).toEqual({ code: 0, output: 'out\n', stderr: 'err\n' })
    }
    await sandbox.close()
  })

  test('with a CDPATH: a sandbox is made as anywhere', async () => {
    const backend = await backendWith('', 'CDPATH=.:/tmp')
    const sandbox = await backend.open(newSpec(), context)
    expect(await commandIn(sandbox, 'pwd')).toEqual({ out: `${sandbox.root}\n`, err: '' })
    await backend.remove(sandbox.name, never)
    await sandbox.close()
  })

  test.each([
    ['ends it', 'exit 0', 'the command was not started: the login shell ended before it'],
    ['puts stdout elsewhere', 'exec >&2', /: a start-up file there puts stdout elsewhere$/],
    ['puts stderr elsewhere', 'exec 2>/dev/null', /: a start-up file there puts stderr elsewhere$/],
    ['reads stdin', 'read -r line', /: a start-up file has read what was sent to a script$/],
    ['becomes another shell', 'exec sh', /a script there failed: exit code 126$/],
  ])(
    'whose start-up file %s is told as such, and nothing is done there',
    async (_, bashrc, told) => {
      const backend = await backendWith(bashrc)
      const spec = newSpec()
      await expect(backend.open(spec, context)).rejects.toThrow(told)
      await expect(backend.remove(spec.name, never)).rejects.toThrow(told)
      await expect(backend.list('tests', never)).rejects.toThrow(told)
    },
  )
})
