/** Other MCP servers, each of one version, installed by npm when they are first measured. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { execa } from 'execa'
import { z } from 'zod'
import { type McpServer, type Start, startServer } from './mcp-server.ts'
import { Unavailable } from './row.ts'
import type { Stage } from './stage.ts'

const packages = {
  'server-filesystem': {
    spec: '@modelcontextprotocol/server-filesystem@2026.8.31',
    entry: '@modelcontextprotocol/server-filesystem/dist/index.js',
  },
  'desktop-commander': {
    spec: '@wonderwhy-er/desktop-commander@0.2.52',
    entry: '@wonderwhy-er/desktop-commander/dist/index.js',
  },
  'just-bash-mcp': { spec: 'just-bash-mcp@3.1.0', entry: 'just-bash-mcp/dist/index.js' },
  'codex-shell-tool': {
    spec: '@openai/codex-shell-tool-mcp@0.97.0',
    entry: '@openai/codex-shell-tool-mcp/bin/mcp-server.js',
  },
} as const

export type PeerName = keyof typeof packages

/** Runs until the stage is closed; it may work in `folder`. */
export function peer(stage: Stage, name: PeerName, folder: string): Promise<McpServer> {
  return stage.once(`peer-${name}-${folder}`, async () => {
    const server = await startPeer(stage, name, folder)
    return { value: server, close: server.close }
  })
}

/** A peer that whoever calls this closes. `Unavailable` where it cannot be installed. */
async function startPeer(stage: Stage, name: PeerName, folder: string): Promise<McpServer> {
  const server = await startServer(await peerStart(stage, name, folder))
  if (name === 'codex-shell-tool') await unconfineCodex(server, folder)
  return server
}

/** How a peer is started. */
export async function peerStart(stage: Stage, name: PeerName, folder: string): Promise<Start> {
  const entry = join(await installed(stage, name), 'node_modules', packages[name].entry)
  const args = name === 'server-filesystem' ? [entry, folder] : [entry]
  return { args, home: stage.directory(`home-${name}`), cwd: folder }
}

/** It refuses calls until its client has told a policy; the sandbox of Codex itself is not in the package. */
async function unconfineCodex({ client }: McpServer, folder: string): Promise<void> {
  const params = {
    sandboxPolicy: { type: 'danger-full-access' },
    codexLinuxSandboxExe: null,
    sandboxCwd: folder,
  }
  await client.request({ method: 'codex/sandbox-state/update', params }, z.unknown())
}

/** How each runs a command, as its users' models do. */
export const execWith: Readonly<
  Partial<Record<PeerName, (server: McpServer, command: string) => Promise<CallToolResult>>>
> = {
  'desktop-commander': (server, command) =>
    server.call('start_process', { command, timeout_ms: 60_000 }),
  'just-bash-mcp': (server, command) => server.call('bash_exec_persistent', { command }),
  'codex-shell-tool': (server, command) =>
    server.call('shell', { command, workdir: '/', timeout_ms: 60_000 }),
}

/** The folder with it, which is installed whole or not at all. */
async function installed(stage: Stage, name: PeerName): Promise<string> {
  const { spec, entry } = packages[name]
  const folder = join(cache(), spec.replaceAll(/[@/]/g, '-').replace(/^-/, ''))
  if (existsSync(join(folder, 'node_modules', entry))) return folder
  process.stderr.write(`  · installing ${spec} …\n`)
  mkdirSync(cache(), { recursive: true })
  const unfinished = mkdtempSync(`${folder}.`)
  try {
    const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', unfinished]
    await execa('npm', [...args, spec], {
      // A browser that Desktop Commander draws PDFs with, from a host of its own.
      env: { PUPPETEER_SKIP_DOWNLOAD: '1' },
      timeout: 300_000,
      cancelSignal: stage.signal,
    })
    renameSync(unfinished, folder)
  } catch (error) {
    stage.signal.throwIfAborted()
    const [reason] = String((error as Error).message).split('\n')
    throw new Unavailable(`${spec} cannot be installed: ${reason}`)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return folder
}

function cache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sandbox-mcp-bench')
}
