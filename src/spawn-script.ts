/** A short script of our own in a session's sandbox, by what runs its commands: it costs no new channel. */
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { cancelled } from './errors.ts'
import type { Guard } from './guard.ts'
import { spawn } from './process.ts'
import { runScript, type ScriptResult } from './script.ts'

/** What is larger has a channel of its own, so that no command waits behind it. */
export const framedBytes = 1024 * 1024

/** As `runScript`; a script that is cancelled is ended. */
export async function spawnScript(
  guard: Guard,
  script: string,
  stdin: Uint8Array | Readable | undefined,
  signal: AbortSignal,
): Promise<ScriptResult> {
  if (stdin instanceof Readable || (stdin?.length ?? 0) > framedBytes) {
    return runScript(guard.sandbox, script, stdin, signal)
  }
  const process = await spawn(guard, script, { workdir: '/', stdin: stdin ?? 'none', signal })
  const end = () => void process.kill(0).catch(() => {})
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    const [stdout, stderr, code] = await Promise.all([
      buffer(process.stdout),
      text(process.stderr),
      process.exit,
    ])
    if (signal.aborted) throw cancelled('the operation')
    return { code, stdout, stderr }
  } finally {
    signal.removeEventListener('abort', end)
  }
}
