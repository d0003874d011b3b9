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

/** What is larger comes as the script takes it, by a runner that is of no more use then. */
export const framedBytes = 1024 * 1024

const pieceBytes = 1024 * 1024

/** As long as a script may take that takes back thousands of files, by a program or two for each. */
const takeBackMs = 60_000

/** Told when a script runs. */
export type Begun = (group: number) => void

type Stdin = Uint8Array | Readable | undefined

/**
 * As `runScript`; a script that is cancelled is ended, and waited for. One that came to its end all the same is no
 * failure: what it did is done. `begun` is told its group.
 */
export async function spawnScript(
  guard: Guard,
  script: string,
  stdin: Stdin,
  signal: AbortSignal,
  begun?: Begun,
): Promise<ScriptResult> {
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

/** What is bulk, or is streamed and has a large stdin, has a channel of its own; all else is run as `spawnScript` does. */
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
  stdin: Stdin,
  signal: AbortSignal,
  begun?: Begun,
): Promise<ScriptStream> {
  const given = isFramed(stdin) ? (stdin ?? 'none') : 'open'
  const process = await spawn(guard, script, { workdir: '/', stdin: given, signal })
  begun?.(process.group)
  if (!isFramed(stdin)) feed(process, stdin)
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

/** A script that ends without reading all of it may: it is sent no more then. */
function feed({ stdin, exit }: Process, bytes: Uint8Array | Readable): void {
  stdin.on('error', () => {})
  const source = bytes instanceof Readable ? bytes : Readable.from(pieces(bytes))
  source.pipe(stdin)
  const stop = () => {
    source.unpipe(stdin)
    source.destroy()
  }
  exit.then(stop, stop)
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

async function ending(sandbox: string, { exit, stderr }: Process, signal: AbortSignal) {
  const [code, words] = await Promise.all([exit, held(sandbox, 'stderr', stderr)])
  if (signal.aborted && code !== 0) throw cancelled('the operation')
  return { code, stderr: words.toString() }
}
