/** How each client is told of an MCP server, and in which file of the user's. */
import { join } from 'node:path'
import type { clientNames } from './commands.ts'

export type ClientName = (typeof clientNames)[number]

export interface Client {
  readonly title: string
  readonly format: 'json' | 'toml' | 'yaml'
  /** Under which key of the file the servers are. */
  readonly servers: string
  /** True where the file may have comments and commas at the end, as the client itself writes it. */
  readonly isLenient: boolean
  /** Absolute path of the user's own file. */
  file(place: Place): string
  /** What the file says of a server. */
  entry(server: Server): object
  /** The same where an object `servers` in the servers' place holds them, as newer releases write it. */
  nestedEntry?(server: Server): object
  /** What else a person should know. */
  readonly note?: string
}

/** What the client is to start. */
export interface Server {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The machine that the client is on. */
interface Place {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  isThere(path: string): boolean
}

/** The longest that a command of ours takes by itself, where a client would wait less. */
const longestSeconds = 1800
/** A first start may have npm fetch the package. */
const startSeconds = 60

/** Where programs keep what their user sets. */
function settingsIn({ platform, home, env }: Place): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support')
  if (platform === 'win32') return env.APPDATA || join(home, 'AppData', 'Roaming')
  return env.XDG_CONFIG_HOME || join(home, '.config')
}

/** Of programs that do on a Mac as on Linux. */
const unixSettingsIn = (place: Place) =>
  place.platform === 'darwin' ? join(place.home, '.config') : settingsIn(place)

const plain = ({ command, args, env }: Server) => ({ command, args, env })
const typed = (server: Server) => ({ type: 'stdio', ...plain(server) })

const json = { format: 'json', servers: 'mcpServers', isLenient: false, entry: plain } as const

export const clients: Readonly<Record<ClientName, Client>> = {
  'claude-desktop': {
    ...json,
    title: 'Claude Desktop',
    file: (place) => join(settingsIn(place), 'Claude', 'claude_desktop_config.json'),
    note: 'Quit Claude Desktop and start it again.',
  },
  'claude-code': {
    ...json,
    title: 'Claude Code',
    file: ({ home, env }) => join(env.CLAUDE_CONFIG_DIR || home, '.claude.json'),
    entry: typed,
    note: 'End Claude Code before you write: it writes that file too.',
  },
  cursor: {
    ...json,
    title: 'Cursor',
    file: ({ home }) => join(home, '.cursor', 'mcp.json'),
  },
  vscode: {
    ...json,
    title: 'VS Code',
    servers: 'servers',
    isLenient: true,
    file: (place) => join(settingsIn(place), 'Code', 'User', 'mcp.json'),
    entry: typed,
  },
  codex: {
    title: 'Codex',
    format: 'toml',
    servers: 'mcp_servers',
    isLenient: false,
    file: ({ home, env }) => join(env.CODEX_HOME || join(home, '.codex'), 'config.toml'),
    entry: ({ command, args, env }) => ({
      startup_timeout_sec: startSeconds,
      tool_timeout_sec: longestSeconds,
      command,
      args,
      ...(Object.keys(env).length > 0 && { env }),
    }),
  },
  gemini: {
    ...json,
    title: 'Gemini CLI',
    isLenient: true,
    file: ({ home, env }) => join(env.GEMINI_CLI_HOME || home, '.gemini', 'settings.json'),
    entry: (server) => ({ ...plain(server), timeout: longestSeconds * 1000 }),
  },
  goose: {
    title: 'Goose',
    format: 'yaml',
    servers: 'extensions',
    isLenient: false,
    file: (place) =>
      place.platform === 'win32'
        ? join(settingsIn(place), 'Block', 'goose', 'config', 'config.yaml')
        : join(unixSettingsIn(place), 'goose', 'config.yaml'),
    entry: ({ name, command, args, env }) => ({
      name,
      type: 'stdio',
      enabled: true,
      timeout: longestSeconds,
      cmd: command,
      args,
      ...(Object.keys(env).length > 0 && { envs: env }),
    }),
  },
  zed: {
    ...json,
    title: 'Zed',
    servers: 'context_servers',
    isLenient: true,
    file: (place) =>
      place.platform === 'win32'
        ? join(settingsIn(place), 'Zed', 'settings.json')
        : join(unixSettingsIn(place), 'zed', 'settings.json'),
    entry: (server) => ({ ...plain(server), timeout: longestSeconds }),
  },
  opencode: {
    ...json,
    title: 'opencode',
    servers: 'mcp',
    isLenient: true,
    file: ({ home, env, isThere }) => {
      const directory = join(env.XDG_CONFIG_HOME || join(home, '.config'), 'opencode')
      // Of both it reads this one last, and makes it where there is none.
      const commented = join(directory, 'opencode.jsonc')
      return isThere(commented) ? commented : join(directory, 'opencode.json')
    },
    entry: ({ command, args, env }) => ({
      type: 'local',
      command: [command, ...args],
      enabled: true,
      environment: env,
      timeout: longestSeconds * 1000,
    }),
    nestedEntry: ({ command, args, env }) => ({
      type: 'local',
      command: [command, ...args],
      environment: env,
      timeout: { startup: startSeconds * 1000, execution: longestSeconds * 1000 },
    }),
  },
}

/**
 * What the client starts: the package by its name where `program`, the file that runs now, belongs to one that npm
 * has installed, and else that file. By its name npm would take the package from its registry.
 */
export function serverCommand(workspace: string, platform: NodeJS.Platform, program: string) {
  const flags = ['--workspace', workspace]
  if (!/[\\/]node_modules[\\/]sandbox-mcp[\\/]/.test(program)) {
    return { command: 'node', args: [program, ...flags] }
  }
  const npx = ['npx', '-y', 'sandbox-mcp', ...flags]
  // There npx is no program but a script, which only the shell starts.
  const [command = '', ...args] = platform === 'win32' ? ['cmd', '/c', ...npx] : npx
  return { command, args }
}

/** Which engine is meant. */
export const engineVariables: readonly string[] = [
  ...['DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH', 'DOCKER_CONTEXT'],
]

/** What of `env` the server needs too: most clients hand on little of it, and some were not started by a shell. */
export const serverEnvironment = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    [...engineVariables, 'DOCKER_CONFIG'].flatMap((name) =>
      env[name] ? [[name, env[name] ?? '']] : [],
    ),
  )
