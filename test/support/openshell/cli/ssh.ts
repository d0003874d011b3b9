/** `ssh-config`, `ssh-proxy`, and the commands that run the system's own `ssh` with it. */
import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { atLeast, type SandboxView } from '../protocol.ts'
import { type Context, say } from './context.ts'
import { resolveGateway } from './gateways.ts'
import { Failure } from './report.ts'
import { Rpc } from './rpc.ts'
import { sandboxName } from './sandbox-commands.ts'

/** Prints a block for a sandbox whether or not it exists: no gateway is asked. */
export function sshConfig(context: Context): void {
  const { gateway, workspace, knobs } = context
  const name = sandboxName(context)
  const scoped = atLeast(knobs.version, '0.0.88')
  const proxy = [
    context.executable,
    'ssh-proxy',
    '--gateway-name',
    gateway.name,
    '--name',
    name,
    ...(scoped ? ['--workspace', workspace] : []),
  ]
  const lines = [
    `Host openshell-${name}${scoped ? `.${workspace}` : ''}`,
    '    User sandbox',
    '    StrictHostKeyChecking no',
    '    UserKnownHostsFile /dev/null',
    '    GlobalKnownHostsFile /dev/null',
    '    LogLevel ERROR',
    '    ServerAliveInterval 15',
    '    ServerAliveCountMax 3',
    `    ProxyCommand ${proxy.map(shellEscape).join(' ')}`,
  ]
  say(lines.join('\n'))
}

interface Session {
  readonly id: string
  readonly token: string
}

/** A failure before the stream is open is reported; once it is open it only ends. */
export async function sshProxy(context: Context): Promise<number> {
  const { rpc, session } = await proxySession(context)
  const socket = await rpc.forward(session)
  await pump(socket)
  // What is still to be read from stdin does not matter any more.
  process.exit(0)
}

async function proxySession(context: Context): Promise<{ rpc: Rpc; session: Session }> {
  const name = context.text('name')
  const server = context.text('server')
  const gatewayName = context.text('gateway-name')
  const id = context.text('sandbox-id')
  const token = context.text('token')
  // In this command alone `--gateway` is the URL of token mode.
  const url = context.parsed.given.has('gateway') ? context.text('gateway') : undefined
  if (url !== undefined && id !== undefined && token !== undefined) {
    const rpc = new Rpc({ name: gatewayName ?? url, endpoint: url }, context.knobs)
    return { rpc, session: { id, token } }
  }
  if (name !== undefined && (gatewayName !== undefined || server !== undefined)) {
    const gateway =
      server === undefined
        ? resolveGateway(context.env, gatewayName)
        : { name: gatewayName ?? '', endpoint: server }
    const rpc = new Rpc(gateway, context.knobs)
    const session = await newSession(rpc, name, context.workspace)
    if (gateway.name === '') {
      throw new Failure('gateway name is required to build SSH proxy command')
    }
    return { rpc, session }
  }
  throw new Failure(
    'provide either --gateway/--sandbox-id/--token or --gateway-name/--name (or --server/--name)',
  )
}

/** A token of its own for each connection. */
async function newSession(rpc: Rpc, name: string, workspace: string): Promise<Session> {
  const sandbox = await rpc.call<SandboxView>('GetSandbox', { name, workspace })
  const { token } = await rpc.call<{ token: string }>('CreateSshSession', { id: sandbox.id })
  return { id: sandbox.id, token }
}

/** Ends when the far end does; the end of stdin half-closes. */
function pump(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.pipe(socket)
    process.stdin.on('error', () => {})
    socket.pipe(process.stdout)
    process.stdout.on('error', () => resolve())
    socket.on('error', () => {})
    socket.on('close', () => process.stdout.write('', () => resolve()))
  })
}

export interface SshCommand {
  /** Undefined is a shell. */
  readonly command?: string
  readonly subsystem?: string
}

/** Arguments for the system's `ssh`, with a proxy command in token form. */
export async function sshArguments(context: Context, name: string): Promise<string[]> {
  const rpc = context.rpc()
  const { id, token } = await newSession(rpc, name, context.workspace)
  const { endpoint, name: gatewayName } = rpc.gateway
  const words = [context.executable, 'ssh-proxy', '--gateway', endpoint, '--sandbox-id', id]
  words.push('--token', token, '--gateway-name', gatewayName)
  const options = [
    `ProxyCommand=${words.map(shellEscape).join(' ')}`,
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'GlobalKnownHostsFile=/dev/null',
    `LogLevel=${process.env.OPENSHELL_SSH_LOG_LEVEL ?? 'ERROR'}`,
    'ServerAliveInterval=15',
    'ServerAliveCountMax=3',
  ]
  return options.flatMap((option) => ['-o', option])
}

/** Resolves with ssh's exit code; the streams are the program's own. */
export async function runOverSsh(
  context: Context,
  name: string,
  { command, subsystem }: SshCommand,
): Promise<number> {
  const args = [...(await sshArguments(context, name)), '-T']
  if (subsystem !== undefined) args.push('-s')
  args.push('sandbox')
  const what = subsystem ?? command
  if (what !== undefined) args.push(what)
  const child = spawn('ssh', args, { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(new Failure('No such file or directory (os error 2)')))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

export async function connect(context: Context): Promise<void> {
  const name = sandboxName(context)
  const main = atLeast(context.knobs.version, '0.0.111')
  const code = await runOverSsh(context, name, main ? { subsystem: 'openshell-main' } : {})
  if (code !== 0) throw new Failure(`ssh exited with status exit status: ${code}`)
}

/** Single quotes around what is not plain, as the real program does. */
export function shellEscape(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`
}
