/**
 * Runs argv in a sandbox, unsplit, in a process group of its own, that ends with the session.
 * Written once, for every backend.
 */
import { randomBytes } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelled, commandNotStarted, sandboxLost, workdirMissing } from './errors.ts'
import type { Guard } from './guard.ts'
import { launchScript } from './launcher.ts'
import { MarkedOutput } from './marked-output.ts'
import { type Mark, markVariable, processMark } from './process-mark.ts'
import type { Channel } from './sandbox.ts'

export interface SpawnOptions {
  /** Absolute path inside. `COMMAND_NOT_STARTED` when it is no directory there. */
  readonly workdir: string
  /** Added to the sandbox's own environment. Names are checked by the caller. */
  readonly env?: Readonly<Record<string, string>>
  /** `none` (the default): the command reads end-of-file at once. */
  readonly stdin?: 'none' | 'open'
  /** Cancels the start only; afterwards the caller decides with `kill`. */
  readonly signal?: AbortSignal
}

export interface Process {
  /** Pid of its first process inside, and number of its group. */
  readonly group: number
  /** Writes to it after the command ended go nowhere. */
  readonly stdin: Writable
  /** Both end when the command itself has ended; what it left in the background is not waited for. */
  readonly stdout: Readable
  readonly stderr: Readable
  /**
   * The exit code as a shell tells it: 128 + n for signal n. Settles when all output has been handed
   * on, so the streams must be read. Rejects only with `SANDBOX_LOST`.
   */
  readonly exit: Promise<number>
  /** Settles when nothing of its group is left, which may be long after the exit. */
  readonly gone: Promise<void>
  /**
   * Ends the whole group inside: TERM, and KILL soon after it has ended or when `graceMs` are over, so
   * that a grandchild that ignores TERM or left the group is reached too. Harmless after the exit.
   */
  kill(graceMs?: number): Promise<void>
}

/** How long a process may take to end by itself when it is asked to. */
const killGraceMs = 2_000
/** How long what a command left behind may take after the command has ended. */
const lingerMs = 250

/** The exit code of what SIGKILL ended. */
const killedCode = 137

/** Starts `argv`. Rejects only if it was not started. */
export async function spawn(
  guard: Guard,
  argv: readonly [string, ...string[]],
  { workdir, env = {}, stdin = 'none', signal }: SpawnOptions,
): Promise<Process> {
  const token = randomBytes(9).toString('hex')
  const mark = processMark(guard.session, token)
  const script = launchScript({
    token,
    argv,
    workdir,
    env: { ...env, [markVariable]: mark.text },
    digits: mark.digits,
    stdin: stdin === 'open',
  })
  const channel = await guard.sandbox.start(script, signal ?? new AbortController().signal)
  const launched = new LaunchedProcess(guard, channel, token, mark)
  const abandon = () => channel.stdin.end()
  try {
    signal?.addEventListener('abort', abandon, { once: true })
    if (signal?.aborted) abandon()
    await launched.header(workdir)
    signal?.throwIfAborted()
    guard.add(launched.group)
    channel.stdin.write('go\n')
    if (stdin === 'none') channel.stdin.end()
    return launched
  } catch (error) {
    // Without its "go" the launcher ends by itself.
    channel.stdin.end()
    channel.close()
    throw signal?.aborted ? cancelled('the command') : error
  } finally {
    signal?.removeEventListener('abort', abandon)
  }
}

class LaunchedProcess implements Process {
  group = 0
  readonly stdin: Writable
  readonly stdout: MarkedOutput
  readonly stderr: MarkedOutput
  readonly exit: Promise<number>
  readonly gone: Promise<void>
  readonly #guard: Guard
  readonly #mark: Mark
  readonly #channel: Channel
  readonly #header: Promise<string>
  #groupGone = false

  constructor(guard: Guard, channel: Channel, token: string, mark: Mark) {
    this.#guard = guard
    this.#mark = mark
    this.#channel = channel
    this.stdin = channel.stdin
    this.stdin.on('error', () => {})

    let tellHeader: (text: string) => void = () => {}
    this.#header = new Promise((resolve) => {
      tellHeader = resolve
    })
    this.stdout = new MarkedOutput(token)
    this.stderr = new MarkedOutput(token, tellHeader)
    join(channel.stdout, this.stdout)
    join(channel.stderr, this.stderr)

    const channelEnd = channel.exit.then(
      (code) => ({ code }),
      (error: unknown) => ({ error }),
    )
    // The group outlives the command while something of it runs in the background.
    this.gone = channelEnd.then(() => {
      this.#groupGone = true
      if (this.group !== 0) guard.drop(this.group)
    })
    this.exit = Promise.all([this.stdout.exitMark, this.stderr.exitMark]).then(
      async ([fromStdout, fromStderr]) => {
        let code = fromStdout ?? fromStderr
        if (code === undefined) {
          // No mark: the launcher was killed with its group, and the channel knows how it ended.
          const end = await channelEnd
          if ('error' in end) throw end.error
          code = end.code
        }
        // A sandbox that ends kills all in it, and that must not look like a command's own end.
        if (code === killedCode) await guard.check()
        return code
      },
    )
    this.exit.catch(() => {})
  }

  /** Reads the launcher's first word: the group's number, or why there is none. */
  async header(workdir: string): Promise<void> {
    const ended = this.#channel.exit.then((code) => {
      const said = this.stderr.read() as Buffer | null
      const reason = said === null ? `it ended with exit code ${code}` : said.toString().trim()
      throw commandNotStarted(reason, 'Check that the image has a POSIX sh, then call again.')
    })
    ended.catch(() => {})
    const word = await Promise.race([this.#header, ended, silence()])
    if (word === 'workdir') throw workdirMissing(workdir)
    this.group = Number(word)
    if (!Number.isSafeInteger(this.group) || this.group <= 1) {
      throw sandboxLost(this.#guard.sandbox.name, `the launcher said ${JSON.stringify(word)}`)
    }
  }

  async kill(graceMs = killGraceMs): Promise<void> {
    if (this.#groupGone) return
    await this.#guard.signal('TERM', this.group, this.#mark)
    // What it left behind got TERM too, and little more time than the command itself takes.
    const rest = this.exit.catch(() => {}).then(() => settledWithin(this.#channel.exit, lingerMs))
    await settledWithin(rest, graceMs)
    await this.#guard.signal('KILL', this.group, this.#mark)
    await settledWithin(this.exit, graceMs)
  }
}

/** Rejects when a launcher has not said a word for very long. */
function silence(): Promise<never> {
  return new Promise((_, reject) => {
    const seconds = 30
    const tell = () =>
      reject(
        commandNotStarted(
          `the sandbox took the command and said nothing for ${seconds} s`,
          'Call again; when it stays like this, remove the sandbox or restart the engine.',
        ),
      )
    setTimeout(tell, seconds * 1000).unref()
  })
}

function join(source: Readable, output: MarkedOutput): void {
  source.pipe(output)
  source.once('error', () => output.end())
  source.once('close', () => output.end())
}

/** Resolves when `promise` settles either way, or after `ms`. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  const timer = new AbortController()
  await Promise.race([
    promise.catch(() => {}),
    sleep(ms, undefined, { signal: timer.signal }).catch(() => {}),
  ])
  timer.abort()
}
