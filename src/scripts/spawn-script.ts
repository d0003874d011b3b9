/** Short scripts of our own in a session's sandbox, by what runs its commands: they cost no new channel. */
import { Readable } from 'node:stream'
import { cancelled } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import { type Process, spawn } from '../process.ts'
import { held } from './held-output.ts'
import {
  runScript,
  type ScriptResult,
  type ScriptStream,
  type Scripts,
  streamScript,
  withFunctions,
} from './script.ts'

/** What is larger has a channel of its own, so that no command waits behind it. */
const framedBytes = 1024 * 1024

/** As long as a script may take that takes back thousands of files, by a program or two for each. */
const takeBackMs = 60_000

/** Told when a script runs. */
export type Begun = (group: number) => void

type Stdin = Uint8Array | Readable | undefined

/** As `runScript`; a script that is cancelled is ended. `begun` is told its group, where it has one of its own. */
export async function spawnScript(
  guard: Guard,
  script: string,
  stdin: Stdin,
  signal: AbortSignal,
  begun?: Begun,
): Promise<ScriptResult> {
  if (!isFramed(stdin)) return runScript(guard.sandbox, script, stdin, signal)
  const { stdout, end, close } = await started(guard, script, stdin, signal, begun)
  try {
    const all = [held(guard.sandbox.name, 'stdout', stdout), end] as const
    const [output, { code, stderr }] = await Promise.all(all)
    return { code, stdout: output, stderr }
  } catch (error) {
    close()
    throw error
  }
}

/** What is bulk, or has a large stdin, has a channel of its own; all else is run as `spawnScript` does. */
export function spawnedScripts(guard: Guard): Scripts {
  const { sandbox } = guard
  return {
    sandbox,
    run: (script, stdin, signal, traffic = 'command', functions = undefined) => {
      const text = withFunctions(script, functions)
      return traffic === 'bulk'
        ? runScript(sandbox, text, stdin, signal, traffic)
        : spawnScript(guard, text, stdin, signal)
    },
    stream: (script, stdin, signal, traffic = 'command') =>
      traffic === 'bulk' || !isFramed(stdin)
        ? streamScript(sandbox, script, stdin, signal, traffic)
        : started(guard, script, stdin, signal),
  }
}

/** Whether the stdin goes with the script, before which its length is told. */
export const isFramed = (stdin: Stdin): stdin is Uint8Array | undefined =>
  !(stdin instanceof Readable) && (stdin?.length ?? 0) <= framedBytes

async function started(
  guard: Guard,
  script: string,
  stdin: Uint8Array | undefined,
  signal: AbortSignal,
  begun?: Begun,
): Promise<ScriptStream> {
  const process = await spawn(guard, script, { workdir: '/', stdin: stdin ?? 'none', signal })
  begun?.(process.group)
  // What it had begun is taken back before it ends.
  const close = () => void process.kill(takeBackMs).catch(() => {})
  signal.addEventListener('abort', close, { once: true })
  if (signal.aborted) close()
  const end = ending(guard.sandbox.name, process, signal).finally(() =>
    signal.removeEventListener('abort', close),
  )
  end.catch(() => {})
  return { stdout: process.stdout, end, close }
}

async function ending(sandbox: string, { exit, stderr }: Process, signal: AbortSignal) {
  const [code, words] = await Promise.all([exit, held(sandbox, 'stderr', stderr)])
  if (signal.aborted) throw cancelled('the operation')
  return { code, stderr: words.toString() }
}
