/** A command sees the sandbox's environment as it is, whatever a runner's shells need to know. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { type SpawnOptions, spawn } from '../../src/process.ts'
import { commandText } from '../../src/runner/command-text.ts'
import { runnerScript } from '../../src/runner/runner-script.ts'
import {
  hastyShells,
  type LocalSandbox,
  localSandbox,
  readSeconds,
  shells,
} from '../support/local-sandbox.ts'

const never = new AbortController().signal

/** Each word of the scripts that could be a variable of theirs. */
const words = (['bash5', 'bash4', 'sh'] as const).flatMap((shell) =>
  ([new Uint8Array(), 'open'] as const).flatMap((stdin) => {
    const line = { run: 'x'.repeat(5_000), workdir: '/', env: {}, digits: '1', stdin } as const
    const scripts = runnerScript('token', {}) + commandText('token', shell, line)
    return scripts.match(/(?<![A-Za-z0-9])[a-z_][A-Za-z0-9_]*/g) ?? []
  }),
)
const names = [...new Set(words)].filter((name) => name !== '_')
const odd = Object.fromEntries(names.map((name) => [name, `odd *\\ '${name}`]))
const given = Object.fromEntries(names.map((name) => [name, `given ${name}`]))

/** Where all is there that a runner needs, and no bash. */
function withoutBash(): Record<string, { shell: string; path: string }> {
  if (!existsSync('/bin/dash')) return {}
  const path = mkdtempSync(join(tmpdir(), 'sandbox-mcp-no-bash-'))
  process.once('exit', () => rmSync(path, { recursive: true, force: true }))
  for (const tool of ['setsid', 'grep', 'dd', 'cat', 'tr', 'sleep']) {
    symlinkSync(`/usr/bin/${tool}`, join(path, tool))
  }
  symlinkSync('/bin/dash', join(path, 'sh'))
  return { 'dash without bash': { shell: '/bin/dash', path } }
}

/** Without what is told anew wherever a shell starts, and without what is not the sandbox's. */
const environment = (output: string, hasBash: boolean) =>
  Object.fromEntries(
    output
      .split('\0')
      .filter((line) => line !== '' && !/^(SANDBOX_MCP_PROCESS|SHLVL|sbx_\w*)=/.test(line))
      // bash gives most programs a `_` of their own; to others it is a variable like any other.
      .filter((line) => !(hasBash && line.startsWith('_=')))
      .map((line): [string, string] => {
        const at = line.indexOf('=')
        return [line.slice(0, at), line.slice(at + 1)]
      }),
  )

for (const [name, { shell, path }] of Object.entries({ ...shells(), ...withoutBash() })) {
  describe(`the environment of commands in ${name}`, () => {
    const hasBash = existsSync(join(path.split(':')[0] ?? '', 'bash'))
    const env = { ...odd, _: 'odd' }
    let sandbox: LocalSandbox
    let guard: Guard
    beforeAll(async () => {
      sandbox = localSandbox({ shell, path, env })
      guard = await openGuard(sandbox, never)
    })
    afterAll(async () => {
      await guard?.close()
      sandbox?.remove()
    })

    const tell = 'cat /proc/self/environ'
    const fresh = (more: Readonly<Record<string, string>>) =>
      environment(
        execFileSync(hasBash ? 'bash' : shell, ['-c', `${tell}; exit`], {
          cwd: sandbox.root,
          env: { ...env, PATH: path, HOME: '/', ...more },
          encoding: 'utf8',
        }),
        hasBash,
      )
    const seen = async (run: Parameters<typeof spawn>[1], options: Partial<SpawnOptions>) => {
      const process = await spawn(guard, run, { workdir: sandbox.root, ...options })
      process.stderr.resume()
      if (options.stdin === 'open') process.stdin.end()
      const told = await text(process.stdout)
      expect(await process.exit).toBe(0)
      await process.gone
      return environment(told, hasBash)
    }

    const ways: [string, Parameters<typeof spawn>[1], SpawnOptions['stdin']][] = [
      ['text', `${tell}; exit`, 'none'],
      ['text for a new shell', `: $-; ${tell}; exit`, 'none'],
      ['a long text', `: ${'x'.repeat(5_000)}; ${tell}; exit`, 'none'],
      ['a program', ['cat', '/proc/self/environ'], 'none'],
      ['text with bytes to read', `${tell}; exit`, Buffer.from('bytes')],
      ['text with an open stdin', `${tell}; exit`, 'open'],
      ['a very long text with an open stdin', `: ${'x'.repeat(130_000)}; ${tell}; exit`, 'open'],
    ]
    test.each(ways)('%s', async (_way, run, stdin) => {
      const options = stdin === undefined ? {} : { stdin }
      // The second time by a runner that has run a command.
      for (let times = 0; times < 2; times++) {
        expect(await seen(run, options)).toEqual(fresh({}))
        expect(await seen(run, { ...options, env: given })).toEqual(fresh(given))
      }
    })

    // So long a text as the last one cannot be given to a shell that starts.
    test.each(ways.slice(0, -1))(
      '%s, with what a shell has of its own',
      async (_way, run, stdin) => {
        const names = ['UID', 'EUID', 'GROUPS', 'FUNCNAME', 'DIRSTACK', 'BASH_LINENO', 'BASH_ARGC']
        const env = Object.fromEntries(names.map((name) => [name, `7 of '${name}'`]))
        const options = stdin === undefined ? {} : { stdin }
        expect(await seen(run, { ...options, env })).toEqual(fresh(env))
      },
    )

    test('no word of ours is among what a shell knows', async () => {
      const plain = localSandbox({ shell, path })
      const own = await openGuard(plain, never)
      const tellAll = 'unset SANDBOX_MCP_PROCESS; set'
      for (const [stdin, run] of [
        ['none', tellAll],
        ['open', tellAll],
        ['open', `: ${'x'.repeat(130_000)}; ${tellAll}`],
      ] as const) {
        const { stdout, stderr, exit } = await spawn(own, run, { workdir: '/', stdin })
        stderr.resume()
        const lines = (await text(stdout)).split('\n')
        expect(lines).toContainEqual(expect.stringMatching(/^PATH=/))
        expect(lines.filter((line) => line.includes('sbx_'))).toEqual([])
        expect(await exit).toBe(0)
      }
      await own.close()
      plain.remove()
    })
  })
}

test.each(Object.entries(hastyShells()))(
  'a limit for `read` is there for commands, and ends none that takes longer: from %s',
  async (_origin, place) => {
    const sandbox = localSandbox(place)
    const guard = await openGuard(sandbox, never)
    const seen = async (env: Readonly<Record<string, string>>) => {
      const told = await spawn(guard, 'sleep 0.3; echo "$TMOUT"', { workdir: '/', env })
      told.stderr.resume()
      return [await text(told.stdout), await told.exit]
    }
    // The second one has a shell that has waited for longer than that.
    for (let times = 0; times < 2; times++) expect(await seen({})).toEqual([`${readSeconds}\n`, 0])
    if ('TMOUT' in place.env) expect(await seen({ TMOUT: '7' })).toEqual(['7\n', 0])
    await guard.close()
    sandbox.remove()
  },
)
