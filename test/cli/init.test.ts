/** The settings for clients, and their files, which hold more than ours. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clients, serverCommand } from '../../src/cli/clients.ts'
import { clientNames } from '../../src/cli/commands.ts'
import { entry } from '../support/stdio-server.ts'
import { type Command, newCommand, steady } from './run.ts'

let command: Command
beforeEach(() => {
  command = newCommand()
})
afterEach(() => command.world.remove())

const at = (path: string) => join(command.world.env.HOME ?? '', path)
const init = (...args: string[]) => command.run(['init', ...args], { DOCKER_HOST: '' })

function given(path: string, text: string): string {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text)
  return at(path)
}

test.each(clientNames)('the snippet for %s', async (client) => {
  const { stdout, stderr, exitCode } = await init(client)
  expect(exitCode).toBe(0)
  expect(stderr).toMatch(/^Put this into \//)
  await expect(steady(stdout, command)).toMatchFileSnapshot(`golden/init-${client}.txt`)
})

describe('the file of each client', () => {
  const env = { APPDATA: '/home/me/AppData/Roaming' }
  test.each(['linux', 'darwin', 'win32'] as const)('on %s', (platform) => {
    const place = { platform, home: '/home/me', env, isThere: () => false }
    const files = clientNames.map((name) => clients[name].file(place))
    expect(files.join('\n')).toMatchSnapshot()
  })

  test.each([
    ['claude-code', 'CLAUDE_CONFIG_DIR', '.claude.json'],
    ['codex', 'CODEX_HOME', 'config.toml'],
    ['gemini', 'GEMINI_CLI_HOME', '.gemini/settings.json'],
    ['opencode', 'XDG_CONFIG_HOME', 'opencode/opencode.json'],
  ] as const)('of %s is where %s says', (name, variable, file) => {
    const env = { [variable]: '/elsewhere' }
    const place = { platform: 'linux', home: '/home/me', env, isThere: () => false } as const
    expect(clients[name].file(place)).toBe(join('/elsewhere', file))
  })

  test('of opencode is the one with comments where that is there', async () => {
    const path = given('.config/opencode/opencode.jsonc', '{\n  // mine\n  "theme": "x",\n}\n')
    expect((await init('opencode', '--write')).stderr).toContain(path)
    const after = readFileSync(path, 'utf8')
    expect(after).toContain('{\n  // mine\n  "theme": "x",\n  "mcp": {\n    "sandbox": {')
    expect(after).toContain('"enabled": true')
    expect((await init('opencode', '--write')).stderr).toContain('has it already')
  })
})

describe('what a client starts', () => {
  const flags = (workspace: string) => ['--workspace', workspace]

  test('is the package by its name where npm has installed it', () => {
    const installed = '/home/me/.npm/_npx/1/node_modules/sandbox-mcp/dist/main.js'
    expect(serverCommand('/project', 'linux', installed)).toEqual({
      command: 'npx',
      args: ['-y', 'sandbox-mcp', ...flags('/project')],
    })
  })

  test('on Windows npx is a script, which the shell starts', () => {
    const installed = 'C:\\npm\\node_modules\\sandbox-mcp\\dist\\main.js'
    expect(serverCommand('C:\\project', 'win32', installed)).toEqual({
      command: 'cmd',
      args: ['/c', 'npx', '-y', 'sandbox-mcp', ...flags('C:\\project')],
    })
  })

  test('is the file itself in a clone, whose name npm may know of somebody else', async () => {
    const { stdout } = await init('cursor')
    const { sandbox } = JSON.parse(stdout).mcpServers
    expect([sandbox.command, sandbox.args[0]]).toEqual(['node', realpathSync(entry)])
  })

  test('takes the place of what started it otherwise, and of nothing else', async () => {
    const servers = (args: string[]) => ({ mcpServers: { sandbox: { command: 'x', args } } })
    for (const args of [
      ['-y', 'sandbox-mcp'],
      ['/old/clone/dist/main.js', '--workspace', '/a'],
    ]) {
      given('.cursor/mcp.json', JSON.stringify(servers(args)))
      expect((await init('cursor', '--write')).exitCode).toBe(0)
    }
    given('.cursor/mcp.json', JSON.stringify(servers(['other-sandbox', 'main.js'])))
    const { stderr, exitCode } = await init('cursor', '--write')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('it is another one')])
  })
})

describe('opencode’s file', () => {
  const file = '.config/opencode/opencode.json'
  const written = async (before: object) => {
    const path = given(file, JSON.stringify(before))
    expect((await init('opencode', '--write')).exitCode).toBe(0)
    return JSON.parse(readFileSync(path, 'utf8'))
  }

  test('of release 2 has the servers one key deeper, and nothing that says they are enabled', async () => {
    const other = { type: 'local', command: ['x'] }
    const { mcp } = await written({ mcp: { timeout: { request: 1 }, servers: { other } } })
    expect(Object.keys(mcp)).toEqual(['timeout', 'servers'])
    expect(mcp.servers).toEqual({
      other,
      sandbox: {
        type: 'local',
        command: ['node', realpathSync(entry), '--workspace', command.world.workspace],
        environment: {},
        timeout: { startup: 60_000, execution: 1_800_000 },
      },
    })
    expect((await init('opencode', '--write')).stderr).toContain('has it already')
  })

  test('gets how long calls may take where that is missing, and keeps what is there', async () => {
    const line = ['node', realpathSync(entry), '--workspace', command.world.workspace]
    const there = { type: 'local', command: line }
    for (const [timeout, renewed] of [
      [
        { startup: 5_000, request: 9 },
        { startup: 5_000, request: 9, execution: 1_800_000 },
      ],
      [7_000, 7_000],
    ] as const) {
      const { mcp } = await written({ mcp: { servers: { sandbox: { ...there, timeout } } } })
      expect(mcp.servers.sandbox.timeout).toEqual(renewed)
    }
  })

  test('may name a server "servers"', async () => {
    const servers = { type: 'local', command: ['x'] }
    const { mcp } = await written({ mcp: { servers } })
    expect(mcp).toEqual({ servers, sandbox: expect.objectContaining({ enabled: true }) })
  })

  test('gets what was written for another project replaced, and nothing else', async () => {
    const other = join(command.world.workspace, 'other')
    mkdirSync(other)
    await init('opencode', '--write')
    expect((await init('opencode', '--write', '--workspace', other)).exitCode).toBe(0)
    const { mcp } = JSON.parse(readFileSync(at(file), 'utf8'))
    expect(mcp.sandbox.command.at(-1)).toBe(other)
    given(file, '{"mcp": {"sandbox": {"type": "local", "command": ["other"]}}}')
    const { stderr, exitCode } = await init('opencode', '--write')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('it is another one')])
  })
})

test('clients that give up on a long command by themselves are told to wait', async () => {
  const timeout = async (client: string, ...keys: string[]) => {
    const whole = JSON.parse((await init(client)).stdout)
    return keys.reduce((inner, key) => inner[key], whole).timeout
  }
  expect(await timeout('zed', 'context_servers', 'sandbox')).toBe(1800)
  expect(await timeout('gemini', 'mcpServers', 'sandbox')).toBe(1_800_000)
  expect(await timeout('opencode', 'mcp', 'sandbox')).toBe(1_800_000)
})

test('the engine that a variable names is the server’s too, which gets little of a terminal’s environment', async () => {
  const where = 'unix:///run/user/1000/docker.sock'
  for (const client of clientNames) {
    const { stdout } = await command.run(['init', client], { DOCKER_HOST: where, OTHER: 'x' })
    expect(stdout.split(where)).toHaveLength(2)
    expect(stdout).not.toContain('OTHER')
  }
})

test.each(['constructor', 'toString', 'hasOwnProperty'])(
  'a server may be called %s',
  async (name) => {
    for (const [client, file] of [
      ['cursor', '.cursor/mcp.json'],
      ['codex', '.codex/config.toml'],
    ] as const) {
      expect((await init(client, '--write', '--name', name)).exitCode).toBe(0)
      expect(readFileSync(at(file), 'utf8')).toContain(name)
      expect((await init(client, '--write', '--name', name)).stderr).toContain('has it already')
    }
  },
)

test('a server cannot be called __proto__', async () => {
  const { stderr, exitCode } = await init('cursor', '--write', '--name', '__proto__')
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('is not a usable name')])
})

test('a file that is not UTF-8 is left alone, as letters of it would be lost', async () => {
  const text = Buffer.from('{"name": "caf\xe9", "mcpServers": {}}', 'latin1')
  mkdirSync(at('.cursor'))
  for (const bytes of [text, Buffer.from('\ufeff{}', 'utf16le')]) {
    writeFileSync(at('.cursor/mcp.json'), bytes)
    const { stderr, exitCode } = await init('cursor', '--write')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('it is not in UTF-8')])
    expect(readFileSync(at('.cursor/mcp.json')).equals(bytes)).toBe(true)
  }
})

test('a file with other line ends keeps them', async () => {
  const path = given('.codex/config.toml', 'model = "x"\r\n')
  await init('codex', '--write')
  const after = readFileSync(path, 'utf8')
  expect(after.startsWith('model = "x"\r\n\r\n[mcp_servers.sandbox]\r\n')).toBe(true)
  expect(after.replaceAll('\r\n', '')).not.toContain('\n')
})

test('an empty workspace is not the current directory', async () => {
  const { stdout, stderr, exitCode } = await init('cursor', '--workspace', '')
  expect([stdout, exitCode]).toEqual(['', 2])
  expect(stderr).toContain('the workspace "" (--workspace) cannot be used: it is empty')
})

test('a file that cannot be read is told, and what to do', async () => {
  mkdirSync(at('.cursor/mcp.json'), { recursive: true })
  const { stderr, exitCode } = await init('cursor', '--write')
  expect(exitCode).toBe(2)
  expect(stderr).toContain('mcp.json" cannot be read: EISDIR')
  expect(stderr).toContain('leave --write out to see it')
})

test('a file that is not there is made, for its owner only', async () => {
  const { exitCode } = await init('cursor', '--write')
  expect(exitCode).toBe(0)
  const { mcpServers } = JSON.parse(readFileSync(at('.cursor/mcp.json'), 'utf8'))
  expect(mcpServers.sandbox.args).toContain(command.world.workspace)
  expect(statSync(at('.cursor/mcp.json')).mode & 0o777).toBe(0o600)
})

test('what else is in a file stays to the letter, comments too, and a copy of it is kept', async () => {
  const before = `// Zed's settings
{
    "theme": "One Dark", // mine
    "context_servers": {
        "other": { "command": "x" },
    },
}
`
  const path = given('.config/zed/settings.json', before)
  chmodSync(path, 0o640)
  const { stdout, stderr, exitCode } = await init('zed', '--write')
  expect([stdout, exitCode]).toEqual(['', 0])
  expect(steady(readFileSync(path, 'utf8'), { world: command.world })).toMatchInlineSnapshot(`
    "// Zed's settings
    {
     | "theme": "One Dark", // mine
     | "context_servers": {
     | "other": {
     | "command": "x"
     | },
     | "sandbox": {
     | "command": "node",
     | "args": [
     | "/clone/dist/main.js",
     | "--workspace",
     | "/project"
     | ],
     | "env": {},
     | "timeout": 1800
     | },
     | },
    }
    "
  `)
  expect(statSync(path).mode & 0o777).toBe(0o640)
  const copies = readdirSync(dirname(path)).filter((name) => name.includes('before-sandbox-mcp'))
  expect(copies).toHaveLength(1)
  expect(stderr).toContain(copies[0])
  expect(readFileSync(join(dirname(path), copies[0] ?? ''), 'utf8')).toBe(before)

  const again = await init('zed', '--write')
  expect([again.exitCode, again.stderr]).toEqual([0, expect.stringContaining('has it already')])
  expect(readdirSync(dirname(path))).toHaveLength(2)
})

test('a file that is a link stays one', async () => {
  const real = given('dotfiles/mcp.json', '{"mcpServers": {}}')
  mkdirSync(at('.cursor'))
  symlinkSync(real, at('.cursor/mcp.json'))
  expect((await init('cursor', '--write')).exitCode).toBe(0)
  expect(lstatSync(at('.cursor/mcp.json')).isSymbolicLink()).toBe(true)
  expect(JSON.parse(readFileSync(real, 'utf8')).mcpServers).toHaveProperty('sandbox')
})

test('Codex’s TOML gets one table more at its end', async () => {
  const before = 'model = "gpt-5" # mine\n\n[mcp_servers.other]\ncommand = "x"\n'
  const path = given('.codex/config.toml', before)
  expect((await init('codex', '--write')).exitCode).toBe(0)
  const after = readFileSync(path, 'utf8')
  expect(after.startsWith(`${before}\n[mcp_servers.sandbox]\n`)).toBe(true)
  expect((await init('codex', '--write')).stderr).toContain('has it already')
})

test.each([
  ['cursor', '.cursor/mcp.json', '{ "mcpServers": ', 'cannot be read (line 1'],
  ['cursor', '.cursor/mcp.json', '{} // no comments there', 'cannot be read (line 1'],
  ['cursor', '.cursor/mcp.json', '{ "mcpServers": [] }', 'mcpServers in it is no object'],
  ['cursor', '.cursor/mcp.json', '[]', 'is no object'],
  ['cursor', '.cursor/mcp.json', '{ "mcpServers": null }', 'mcpServers in it is no object'],
  ['cursor', '.cursor/mcp.json', '{ "mcpServers": {}, "mcpServers": {} }', 'more than once'],
  ['opencode', '.config/opencode/opencode.json', '{ "mcp": ["x"] }', 'mcp in it is no object'],
  ['opencode', '.config/opencode/opencode.json', '{ "mcp": {} ', 'cannot be read (line 1'],
  ['cursor', '.cursor/mcp.json', '{"mcpServers":{"sandbox":{"command":"x"}}}', 'another one'],
  ['codex', '.codex/config.toml', 'a = ', 'cannot be read'],
  ['codex', '.codex/config.toml', 'mcp_servers = { a = { command = "x" } }', 'cannot be read'],
  ['codex', '.codex/config.toml', '[mcp_servers.sandbox]\ncommand = "x"', 'another one'],
  ['goose', '.config/goose/config.yaml', 'extensions: {}\n', 'is not written by this command'],
])('%s with %s that is %j is left alone: %s', async (client, file, text, why) => {
  const path = given(file, text)
  const { stderr, exitCode } = await init(client, '--write')
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(why)])
  expect(readFileSync(path, 'utf8')).toBe(text)
  expect(readdirSync(dirname(path))).toHaveLength(1)
})

test('what it wrote for another project is replaced', async () => {
  await init('gemini', '--write')
  const other = join(command.world.workspace, 'other')
  mkdirSync(other)
  expect((await init('gemini', '--write', '--workspace', other)).exitCode).toBe(0)
  const { mcpServers } = JSON.parse(readFileSync(at('.gemini/settings.json'), 'utf8'))
  expect(mcpServers.sandbox.args.at(-1)).toBe(other)
})

describe('what a person added to its entry stays when it is written again', () => {
  const ours = () => ({ program: realpathSync(entry), workspace: command.world.workspace })

  test('options, variables, another node, how long to wait, and comments', async () => {
    const settings = (program: string, workspace: string) => `{
  "context_servers": {
    "sandbox": {
      "command": "/opt/node/bin/node", // not on the PATH
      "args": [
        "--no-warnings",
        "${program}",
        "--network", // for npm
        "bridge",
        "--workspace",
        "${workspace}",
        "--set",
        "docker.memory=8g"
      ],
      "env": { "TZ": "UTC", "DOCKER_HOST": "tcp://old:1" },
      "timeout": 60,
      "enabled": false
    }
  }
}
`
    const { program, workspace } = ours()
    const path = given('.config/zed/settings.json', settings('/old/clone/dist/main.js', '/old'))
    const { exitCode } = await command.run(['init', 'zed', '--write'], {
      DOCKER_HOST: 'tcp://new:1',
    })
    expect(exitCode).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(
      settings(program, workspace).replace('tcp://old:1', 'tcp://new:1'),
    )
    const again = await command.run(['init', 'zed', '--write'], { DOCKER_HOST: 'tcp://new:1' })
    expect(again.stderr).toContain('has it already')
  })

  test('where the workspace is one word with its option, or is not named', async () => {
    const { program, workspace } = ours()
    for (const [before, after] of [
      [
        ['--ephemeral', '--workspace=/old'],
        ['--ephemeral', `--workspace=${workspace}`],
      ],
      [['--ephemeral'], ['--workspace', workspace, '--ephemeral']],
    ] as const) {
      const mcp = { sandbox: { type: 'local', command: ['node', program, ...before] } }
      const path = given('.config/opencode/opencode.json', JSON.stringify({ mcp }))
      expect((await init('opencode', '--write')).exitCode).toBe(0)
      const { sandbox } = JSON.parse(readFileSync(path, 'utf8')).mcp
      expect(sandbox.command).toEqual(['node', program, ...after])
      expect(sandbox.timeout).toBe(1_800_000)
    }
  })

  test('and another program is not run by what ran the old one', async () => {
    const { program, workspace } = ours()
    const args = ['-y', 'sandbox-mcp', '--workspace', '/old', '--access', 'ro']
    const path = given(
      '.cursor/mcp.json',
      JSON.stringify({ mcpServers: { sandbox: { command: 'npx', args } } }),
    )
    expect((await init('cursor', '--write')).exitCode).toBe(0)
    expect(JSON.parse(readFileSync(path, 'utf8')).mcpServers.sandbox).toEqual({
      command: 'node',
      args: [program, '--workspace', workspace, '--access', 'ro'],
      env: {},
    })
  })

  test('an engine that the terminal does not name is kept and told; one that it names takes its place', async () => {
    const env = { DOCKER_HOST: 'tcp://old:1', DOCKER_CERT_PATH: '/old', DOCKER_CONFIG: '/mine' }
    const other = join(command.world.workspace, 'other')
    mkdirSync(other)
    for (const [client, file] of [
      ['cursor', '.cursor/mcp.json'],
      ['codex', '.codex/config.toml'],
    ] as const) {
      expect((await command.run(['init', client, '--write'], env)).exitCode).toBe(0)
      const before = readFileSync(at(file), 'utf8')
      for (const workspace of [command.world.workspace, other, command.world.workspace]) {
        const { stderr } = await init(client, '--write', '--workspace', workspace)
        expect(stderr).toContain('keeps DOCKER_HOST="tcp://old:1", DOCKER_CERT_PATH="/old", which')
      }
      expect(readFileSync(at(file), 'utf8')).toBe(before)
      const now = { DOCKER_HOST: '', DOCKER_CONTEXT: 'new' }
      const { stderr } = await command.run(['init', client, '--write'], now)
      expect(stderr).not.toContain('keeps')
      const after = readFileSync(at(file), 'utf8')
      expect(after).not.toMatch(/DOCKER_HOST|DOCKER_CERT_PATH/)
      expect(after).toMatch(/DOCKER_CONFIG"? ?[=:] "\/mine"/)
      expect(after).toMatch(/DOCKER_CONTEXT"? ?[=:] "new"/)
    }
  })
})

describe('Codex’s table that is there already gets what is new in it, and keeps the rest', () => {
  const program = realpathSync(entry)
  const table = (args: string, more: string) => `# mine
model = "gpt-5"

[mcp_servers."sandbox"] # ours
command = "node"
${args}
tool_timeout_sec = 90 # enough
${more}
[mcp_servers.other]
command = "x"
args = ["sandbox-mcp"]
`
  const written = async (text: string, env = {}) => {
    const path = given('.codex/config.toml', text)
    const { exitCode, stderr } = await command.run(['init', 'codex', '--write'], {
      DOCKER_HOST: '',
      ...env,
    })
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('has the server "sandbox" now')])
    return readFileSync(path, 'utf8')
  }

  test('for another project, with options over several lines', async () => {
    const old = `args = [\n  "/old/dist/main.js", # here\n  "--workspace",\n  "/old",\n  "--access",\n  "ro",\n]`
    const more = 'startup_timeout_sec = 5\nenv = { TZ = "UTC" }\n'
    const { workspace } = command.world
    const wanted = `args = [ "${program}", "--workspace", "${workspace}", "--access", "ro" ]`
    expect(await written(table(old, more))).toBe(table(wanted, more))
    expect((await init('codex', '--write')).stderr).toContain('has it already')
  })

  test('and variables, in a table of their own or on a line', async () => {
    const args = `args = [ "${program}", "--workspace", "${command.world.workspace}" ]`
    const env = { DOCKER_HOST: 'tcp://new:1' }
    const own = (host: string) =>
      table(args, `startup_timeout_sec = 5\n\n[mcp_servers.sandbox.env]\n${host}TZ = "UTC"\n`)
    const wanted = own('DOCKER_HOST = "tcp://new:1"\n')
    expect(await written(own('DOCKER_HOST = "tcp://old:1"\n'), env)).toBe(wanted)
    expect(await written(own(''), env)).toBe(wanted)
    const line = await written(table(args, 'env = { TZ = "UTC" }\nstartup_timeout_sec = 5\n'), env)
    expect(line).toContain('env = { TZ = "UTC", DOCKER_HOST = "tcp://new:1" }\n')
    const none = await written(table(args, ''), { ...env, DOCKER_CERT_PATH: "/a$$b$'" })
    expect(none).toContain(`env = { DOCKER_HOST = "tcp://new:1", DOCKER_CERT_PATH = "/a$$b$'" }\n`)
    expect(none).toContain('startup_timeout_sec = 60\n')
  })

  test('and line ends, and is left alone where it is written in another way', async () => {
    const crlf = table('args = ["/old/dist/main.js"]', '').replaceAll('\n', '\r\n')
    expect((await written(crlf)).replaceAll('\r\n', '')).not.toContain('\n')
    const mixed = crlf.replace('# mine\r\n', '# mine\n')
    expect((await written(mixed)).replaceAll('\r\n', '').split('\n')).toEqual([
      '# mine',
      expect.anything(),
    ])
    const line = '[mcp_servers.sandbox]\n'
    for (const text of [
      'mcp_servers.sandbox = { command = "node", args = ["/old/dist/main.js"] }\n',
      '[mcp_servers]\nsandbox.command = "node"\nsandbox.args = ["/old/dist/main.js"]\n',
      `x = """\n${line}"""\n${line}command = "/old/dist/main.js"\n`,
    ]) {
      const path = given('.codex/config.toml', text)
      const { exitCode, stderr } = await init('codex', '--write')
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('not understood')])
      expect(readFileSync(path, 'utf8')).toBe(text)
    }
  })
})
