/** One MCP server over stdio with a client of the SDK's: ours as a user starts it, or a peer. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  getDefaultEnvironment,
  StdioClientTransport,
} from '@modelcontextprotocol/sdk/client/stdio.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'

/** What a user gives to node. */
export const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Peers answer with everything at once, which is more than the SDK's client takes by itself. */
const callMs = 300_000

export interface McpServer {
  readonly client: Client
  readonly pid: number
  /** What it said on stderr so far. */
  log(): string
  /** Rejects when the tool says that it failed. */
  call(name: string, args: Record<string, unknown>): Promise<CallToolResult>
  close(): Promise<void>
}

export interface Start {
  readonly args: readonly string[]
  /** Its home, its state and its temporary files are in there. */
  readonly home: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** `args` follow `node dist/main.js`. */
export function startOurs(start: Start): Promise<McpServer> {
  return startServer({ ...start, args: [entry, ...start.args] })
}

/** Runs `node` with `args`; resolves when it has answered `initialize` and `tools/list`. */
export async function startServer({ args, home, cwd, env = {} }: Start): Promise<McpServer> {
  const temporary = join(home, 'tmp')
  mkdirSync(temporary, { recursive: true })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...args],
    env: {
      ...getDefaultEnvironment(),
      ...(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {}),
      HOME: home,
      XDG_STATE_HOME: join(home, 'state'),
      XDG_CONFIG_HOME: join(home, 'config'),
      TMPDIR: temporary,
      ...env,
    },
    cwd: cwd ?? home,
    stderr: 'pipe',
  })
  let log = ''
  transport.stderr?.on('data', (chunk: Buffer) => {
    log += chunk
  })
  const client = new Client({ name: 'sandbox-mcp-bench', version: '1.0.0' })
  try {
    await client.connect(transport)
    await client.listTools()
  } catch (error) {
    await client.close()
    throw new Error(`${args.join(' ')} did not start: ${String(error)}\n${log.slice(-2000)}`)
  }
  return {
    client,
    pid: transport.pid as number,
    log: () => log,
    async call(name, args) {
      const options = { timeout: callMs }
      const result = await client.callTool({ name, arguments: args }, undefined, options)
      if (result.isError) throw new Error(`${name} failed: ${textOf(result as CallToolResult)}`)
      return result as CallToolResult
    },
    close: () => client.close(),
  }
}

export function textOf({ content }: CallToolResult): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
}
