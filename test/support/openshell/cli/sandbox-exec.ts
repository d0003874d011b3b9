/** `sandbox exec`: all of stdin is read first, then the command runs to its end in a login shell. */
import { type ExecEvent, type ExecRequest, type SandboxView, Status } from '../protocol.ts'
import type { Context } from './context.ts'
import { Failure } from './report.ts'
import { phaseText, sandboxName } from './sandbox-commands.ts'
import { parseEnv } from './sandbox-create.ts'

const stdinLimit = 4 * 1024 * 1024

export async function exec(context: Context): Promise<number> {
  const environment = parseEnv(context.list('env'))
  const rpc = context.rpc()
  const name = sandboxName(context, context.text('name'))
  const sandbox = await rpc.call<SandboxView>('GetSandbox', { name, workspace: context.workspace })
  if (sandbox.phase !== 'Ready') {
    const phase = phaseText(sandbox.phase, context.knobs.version)
    throw new Failure(
      `sandbox '${name}' is not ready (phase: ${phase}); wait for it to reach Ready state`,
    )
  }
  const request: ExecRequest = {
    id: sandbox.id,
    command: context.list('COMMAND'),
    workdir: context.text('workdir') ?? '',
    environment,
    timeoutSeconds: Number(context.text('timeout') ?? 0),
    stdin: (await readStdin()).toString('base64'),
  }
  let code = 0
  for await (const event of rpc.stream<ExecEvent>('/exec', request)) {
    if ('stdout' in event) process.stdout.write(Buffer.from(event.stdout, 'base64'))
    else if ('stderr' in event) process.stderr.write(Buffer.from(event.stderr, 'base64'))
    else if ('exit' in event) code = event.exit
    else throw rpc.failure(new Status(event.error.code, event.error.message))
  }
  return code
}

async function readStdin(): Promise<Buffer> {
  if (process.stdin.isTTY) return Buffer.alloc(0)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk)
    size += chunk.length
    if (size > stdinLimit) {
      throw new Failure(
        `stdin payload exceeds ${stdinLimit} byte limit; pipe smaller inputs or use \`sandbox upload\``,
      )
    }
  }
  return Buffer.concat(chunks)
}
