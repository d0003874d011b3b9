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
  /** What an entry says beside command and arguments. */
  readonly extra: Readonly<Record<string, unknown>>
  /** What else a person should know. */
  readonly note?: string
}

/** The machine that the client is on. */
interface Place {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly env: NodeJS.ProcessEnv
}

/** Where programs keep what their user sets. */
function settingsIn({ platform, home, env }: Place): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support')
  if (platform === 'win32') return env.APPDATA || join(home, 'AppData', 'Roaming')
  return env.XDG_CONFIG_HOME || join(home, '.config')
}

/** Of programs that do on a Mac as on Linux. */
const unixSettingsIn = (place: Place) =>
  place.platform === 'darwin' ? join(place.home, '.config') : settingsIn(place)

const json = { format: 'json', servers: 'mcpServers', isLenient: false, extra: {} } as const

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
    file: ({ home }) => join(home, '.claude.json'),
    extra: { type: 'stdio' },
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
    extra: { type: 'stdio' },
  },
  codex: {
    title: 'Codex',
    format: 'toml',
    servers: 'mcp_servers',
    isLenient: false,
    file: ({ home, env }) => join(env.CODEX_HOME || join(home, '.codex'), 'config.toml'),
    // Ours are longer than Codex waits by itself: a first start pulls an image.
    extra: { startup_timeout_sec: 60, tool_timeout_sec: 1800 },
  },
  gemini: {
    ...json,
    title: 'Gemini CLI',
    isLenient: true,
    file: ({ home }) => join(home, '.gemini', 'settings.json'),
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
    extra: { type: 'stdio', enabled: true, timeout: 1800 },
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

/** Whether that starts this server, however it is installed. */
export const isServerCommand = (args: readonly unknown[]): boolean =>
  args.some((one) => /^(?:sandbox-mcp|.*[\\/]dist[\\/]main\.js)$/.test(String(one)))
