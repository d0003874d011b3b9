// What to paste into a client, for this clone.
import { join } from 'node:path'
import { root } from '../machine/dependencies.mjs'
import { bold } from '../machine/say.mjs'

/** `flags` are what the server must be told here beyond the workspace. */
export function clientSettings(flags) {
  const program = join(root, 'dist/main.js')
  const args = [program, '--workspace', '/path/to/your/project', ...flags]
  const env = process.env.DOCKER_HOST ? { env: { DOCKER_HOST: process.env.DOCKER_HOST } } : {}
  const settings = { mcpServers: { sandbox: { command: 'node', args, ...env } } }
  const words = ['claude mcp add sandbox -- node', program, '--workspace "$PWD"', ...flags]
  return [
    `${bold('Claude Desktop, Cursor, Gemini CLI, Windsurf, …')}: paste this into the client’s MCP settings`,
    '',
    indented(JSON.stringify(settings, undefined, 2)),
    '',
    `${bold('Claude Code')}: run this in your project`,
    '',
    indented(words.join(' ')),
  ].join('\n')
}

const indented = (text) => text.replace(/^/gm, '  ')
