/** Programs started the way Node starts them, as the floor of what a command costs on this host. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs to the end with Node's own spawn, with its output read; rejects unless it ended with 0. */
export async function run(command: string, args: readonly string[]): Promise<Buffer> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${errors}`)
  return Buffer.concat(chunks)
}
