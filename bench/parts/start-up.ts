/** A server from its start to its answer to `initialize`, without the SDK's client in between. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'sandbox-mcp-bench', version: '1.0.0' },
  },
}

/** An answered server may take that long to go when its stdin ends, and is killed then. */
const patienceMs = 5_000

export interface Answered {
  readonly ms: number
  readonly pid: number
  end(): Promise<void>
}

/** Runs `node` with `args` in `home`; resolves when it has answered. */
export async function startToAnswer(args: readonly string[], home: string): Promise<Answered> {
  mkdirSync(home, { recursive: true })
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    XDG_STATE_HOME: join(home, 'state'),
    XDG_CONFIG_HOME: join(home, 'config'),
    TMPDIR: home,
    ...(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {}),
  }
  const started = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: home,
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const closed = once(child, 'close')
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify(initialize)}\n`)
  const answered = new Promise<number>((resolve) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (/"id":1[,}].*\n/.test(text)) resolve(performance.now() - started)
    })
  })
  const ms = await Promise.race([
    answered,
    closed.then(() => Promise.reject(new Error(`node ${args.join(' ')} ended unanswered`))),
  ])
  return {
    ms,
    pid: child.pid as number,
    async end() {
      const killer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      child.stdin.end()
      await closed
      clearTimeout(killer)
    },
  }
}
