/** The built server as a child process with a client of the SDK's, in a world of its own. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  type CallToolResult,
  CallToolResultSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { checked } from './checked-transport.ts'

export const entry = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** Directories for one server or several: workspace, state, temporary files. */
export interface World {
  readonly workspace: string
  readonly temporary: string
  readonly env: Record<string, string>
  remove(): void
}

export function newWorld(): World {
  if (!existsSync(entry)) throw new Error('dist is not built: run "npm run build" first')
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-world-')))
  const [workspace, temporary, state] = ['workspace', 'tmp', 'state'].map((name) => {
    const path = join(root, name)
    mkdirSync(path)
    return path
  }) as [string, string, string]
  const env = {
    PATH: process.env.PATH ?? '',
    TMPDIR: temporary,
    XDG_STATE_HOME: state,
    HOME: state,
  }
  return {
    workspace,
    temporary,
    env: process.env.DOCKER_HOST ? { ...env, DOCKER_HOST: process.env.DOCKER_HOST } : env,
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

export interface RunningServer {
  readonly client: Client
  readonly pid: number
  /** The sandbox's name, as the server says it at its start. */
  readonly sandbox: string
  /** What it wrote to stderr so far. */
  log(): string
  call(name: string, args: object, signal?: AbortSignal): Promise<CallToolResult>
  close(): Promise<void>
}

/** How a client starts a server that nobody told the workspace. */
export interface Unnamed {
  /** The current directory of the server. */
  readonly cwd: string
  /** Answers `roots/list`, with URIs; a client without it has no roots. */
  readonly roots?: () => Promise<readonly string[]>
}

export async function startServer(
  world: World,
  args: readonly string[],
  unnamed?: Unnamed,
): Promise<RunningServer> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [entry, ...(unnamed === undefined ? ['--workspace', world.workspace] : []), ...args],
    env: world.env,
    stderr: 'pipe',
    ...(unnamed === undefined ? {} : { cwd: unnamed.cwd }),
  })
  let log = ''
  transport.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  const roots = unnamed?.roots
  const client = new Client(
    { name: 'test', version: '0' },
    { capabilities: roots === undefined ? {} : { roots: { listChanged: true } } },
  )
  if (roots !== undefined) {
    client.setRequestHandler(ListRootsRequestSchema, async () => ({
      roots: (await roots()).map((uri) => ({ uri })),
    }))
  }
  await client.connect(checked(transport))
  // From here on structured content is checked against what is listed.
  await client.listTools()
  return {
    client,
    pid: transport.pid as number,
    get sandbox() {
      return /sandbox (sbx-\w+)/.exec(log)?.[1] ?? ''
    },
    log: () => log,
    call: async (name, args, signal) =>
      CallToolResultSchema.parse(
        await client.callTool({ name, arguments: { ...args } }, undefined, {
          timeout: 60_000,
          ...(signal === undefined ? {} : { signal }),
        }),
      ),
    close: () => client.close(),
  }
}

/** The processes of this machine, sandboxes included, whose command line holds `text`. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return line.includes(text) ? [Number(pid)] : []
    } catch {
      return []
    }
  })
}

export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/\) [ZX] /.test(stat)
  } catch {
    return false
  }
}

/** The text blocks of a result. */
export function textOf(result: CallToolResult): string {
  return result.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
}
