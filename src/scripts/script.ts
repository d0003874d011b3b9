/** A short script of our own in a sandbox: it is read to its end, and is no command of the model's. */
import { Readable } from 'node:stream'
import { cancelled } from '../errors.ts'
import type { Sandbox, Traffic } from '../sandbox.ts'
import { held } from './held-output.ts'

export interface ScriptResult {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

/**
 * What does the same as a script in the ordinary case, and declines otherwise: the name of a `sub` of the attendant's
 * perl, if it has one (`attendant-perl.ts`), and what that is given after the stdin. No word holds a NUL.
 */
export type Shortcut = readonly [string, ...string[]]

/** A question that is answered before a script begins, where that costs no way there and back. */
export interface Alone {
  /** The youngest process when commands began that have all ended since. */
  readonly base: number
  /** True once it is known that none is there that is younger: nothing is left of the commands. */
  isKnown: boolean
  /** The script itself, where it was asked for before the commands had ended. */
  ahead?: Ahead | undefined
}

/** A script that reads nothing and changes nothing that others see, as it will be asked for. */
export interface Foretold {
  readonly script: string
  readonly functions: string
  readonly shortcut: Shortcut | undefined
}

/** One that runs as soon as a command has ended, so that what it tells comes with the command's end. */
export interface Ahead {
  readonly foretold: Foretold
  /**
   * To be asked for once, when the command has ended. Undefined where something is left of it, or the script did not
   * run: then nothing was told. Rejects as a script does.
   */
  take(signal: AbortSignal): Promise<ScriptResult | undefined>
}

/**
 * Rejects when it could not be started or the sandbox was lost; an exit code is a result. `traffic` is
 * `bulk` for a script whose stdin or output may be large.
 */
export async function runScript(
  sandbox: Sandbox,
  script: string,
  stdin: Uint8Array | Readable | undefined,
  signal: AbortSignal,
  traffic: Traffic = 'command',
): Promise<ScriptResult> {
  const channel = await sandbox.start(script, signal, traffic)
  const giveUp = () => channel.close()
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  // A script that ends without reading all of its stdin breaks the pipe, and may.
  channel.stdin.on('error', () => {})
  if (stdin instanceof Readable) stdin.pipe(channel.stdin)
  else channel.stdin.end(stdin)
  try {
    const [stdout, stderr, code] = await Promise.all([
      held(sandbox.name, 'stdout', channel.stdout),
      held(sandbox.name, 'stderr', channel.stderr),
      channel.exit,
    ])
    return { code, stdout, stderr: stderr.toString() }
  } catch (error) {
    channel.close()
    throw signal.aborted ? cancelled('the operation') : error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** How scripts of our own are run in one sandbox: each as `runScript` or `streamScript` has it. */
export interface Scripts {
  readonly sandbox: Sandbox
  /**
   * `functions` are definitions that come before the script, the same ones each time, and may have been read already.
   * `shortcut` does what the script does, and need not be taken.
   */
  run(
    script: string,
    stdin: Uint8Array | Readable | undefined,
    signal: AbortSignal,
    traffic?: Traffic,
    functions?: string,
    shortcut?: Shortcut,
  ): Promise<ScriptResult>
  /** What may have been asked for ahead is not good any more: it is asked for anew. */
  doubt?(): void
  stream(
    script: string,
    stdin: Uint8Array | undefined,
    signal: AbortSignal,
    traffic?: Traffic,
  ): Promise<ScriptStream>
}

/** A script for a shell that knows no functions. */
export const withFunctions = (script: string, functions: string | undefined) =>
  functions === undefined ? script : `${functions}\n${script}`

/** Each on a channel of its own. */
export function channelScripts(sandbox: Sandbox): Scripts {
  return {
    sandbox,
    run: (script, stdin, signal, traffic, functions) =>
      runScript(sandbox, withFunctions(script, functions), stdin, signal, traffic),
    stream: (...request) => streamScript(sandbox, ...request),
  }
}

export interface ScriptStream {
  /** To be read to its end. */
  readonly stdout: Readable
  /** Once the script has ended and all of `stdout` was read. Rejects as `runScript` does. */
  readonly end: Promise<{ readonly code: number; readonly stderr: string }>
  /** Gives up: what the script still prints is dropped. */
  close(): void
}

/** The same for a script whose output is too large to be held: it is read as it comes. */
export async function streamScript(
  sandbox: Sandbox,
  script: string,
  stdin: Uint8Array | undefined,
  signal: AbortSignal,
  traffic: Traffic = 'command',
): Promise<ScriptStream> {
  const channel = await sandbox.start(script, signal, traffic)
  const giveUp = () => channel.close()
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  channel.stdin.on('error', () => {})
  channel.stdin.end(stdin)
  const end = Promise.all([channel.exit, held(sandbox.name, 'stderr', channel.stderr)])
    .then(([code, stderr]) => ({ code, stderr: stderr.toString() }))
    .catch((error: unknown) => {
      channel.close()
      throw signal.aborted ? cancelled('the operation') : error
    })
    .finally(() => signal.removeEventListener('abort', giveUp))
  end.catch(() => {})
  return { stdout: channel.stdout, end, close: giveUp }
}
