/** Runs the OpenShell command: to its end, within a deadline, with nothing on stdin. */
import { resolve } from 'node:path'
import { execa, type Options, type ResultPromise } from 'execa'
import { backendUnavailable, cancelled, shown } from '../../errors.ts'
import { OpenOnce } from '../../open-once.ts'
import { argumentsOf, type Call, type CallScope, proxyArguments } from './arguments.ts'
import { type Failure, failureOf } from './failures.ts'
import {
  type Features,
  featuresOf,
  isSupported,
  oldestVersion,
  parseVersion,
  refusedFeature,
  type Version,
} from './features.ts'
import { environmentFor, findGateway } from './gateway.ts'
import { readable } from './readable-text.ts'
import type { OpenShellSettings } from './settings.ts'

/** What a call printed, or why it could not do what it was asked to. */
export type Answer =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly failure: Failure }

export interface CallOptions {
  readonly signal: AbortSignal
  /** The sandbox that it is about, for the words of its errors. */
  readonly name?: string
  readonly withinMs?: number
}

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How long one that was told to end may take. */
const killAfterMs = 2_000
const releaseAfterMs = 1_000
/** In characters, of each stream: a page of sandboxes and the log of an image that is built are less. */
const maxOutput = 32 * 1024 * 1024

export class OpenShellCommand {
  readonly settings: OpenShellSettings
  /** The program: a name on PATH or an absolute path. */
  readonly #program: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #given: NodeJS.ProcessEnv
  readonly #refused = new Set<string>()
  readonly #version = new OpenOnce(({ signal }) => this.#askVersion(signal))
  readonly #scope = new OpenOnce(({ signal }) => this.#findScope(signal))

  /** `environment` is what the command sees, but for the choice of the gateway, which is made once. */
  constructor(settings: OpenShellSettings, environment: NodeJS.ProcessEnv) {
    this.settings = settings
    this.#given = environment
    const { command } = settings
    this.#program = command.includes('/') ? resolve(command) : command
    this.#environment = environmentFor(settings, environment)
  }

  /**
   * Runs the call that `make` builds for the features there are. One that is refused for a word which the
   * release does not know is run once more without it. Throws `BACKEND_UNAVAILABLE` when the command
   * cannot be run or is late, and `CANCELLED`; either way it has ended.
   */
  async run(make: (features: Features) => Call, options: CallOptions): Promise<Answer> {
    for (;;) {
      const { signal } = options
      const [features, scope] = await Promise.all([this.features(signal), this.scope(signal)])
      const call = make(features)
      const args = argumentsOf(scope, call, features)
      const ended = await this.#execute(args, call.command, options)
      const refused = ended.code === 2 ? refusedFeature(call.command, ended.stderr) : undefined
      if (refused === undefined || !features.has(refused)) {
        return this.#answer(ended, call.command, options.name)
      }
      this.#refused.add(refused)
    }
  }

  /** What the release that is installed can do; it is asked once. */
  async features(signal: AbortSignal): Promise<Features> {
    const known = featuresOf(await this.version(signal))
    return new Set([...known].filter((feature) => !this.#refused.has(feature)))
  }

  /** The gateway and the workspace of every call; they are looked up once. */
  scope(signal: AbortSignal): Promise<CallScope> {
    return this.#scope.get({ signal, report: () => {} })
  }

  version(signal: AbortSignal): Promise<Version> {
    return this.#version.get({ signal, report: () => {} })
  }

  /** Starts the process whose stdio is an SSH connection to the sandbox. */
  async startProxy(name: string, signal: AbortSignal) {
    const args = proxyArguments(await this.scope(signal), name, await this.features(signal))
    const options = { ...this.#common(), stdin: 'pipe', buffer: false, reject: false } as const
    // In an object, as it can be awaited, and then is until its end.
    const proxy = execa(this.#program, args, options)
    releaseAtExit(proxy)
    return { proxy }
  }

  async #findScope(signal: AbortSignal): Promise<CallScope> {
    const ask = async (call: Call) => {
      const args = argumentsOf({ gateway: {}, workspace: undefined }, call, new Set())
      return this.#answer(await this.#execute(args, call.command, { signal }), call.command)
    }
    const gateway = await findGateway(this.settings, this.#given, ask)
    return { gateway, workspace: this.settings.workspace }
  }

  async #askVersion(signal: AbortSignal): Promise<Version> {
    const { stdout, stderr } = await this.#execute(['--version'], '--version', { signal })
    const version = parseVersion(stdout)
    const { command } = this.settings
    if (version === undefined) {
      throw backendUnavailable(
        `${shown(command)} is not OpenShell: its --version says ${shown(readable(`${stdout} ${stderr}`))}`,
        'Set plugins.entries.openshell.config.command to the path of OpenShell.',
      )
    }
    if (isSupported(version)) return version
    throw backendUnavailable(
      `${shown(command)} is OpenShell ${version.text}, and ${oldestVersion} is the oldest that can be used`,
      `Update OpenShell (${installation}), then call again.`,
    )
  }

  async #execute(args: readonly string[], call: string, options: CallOptions): Promise<Ended> {
    const { signal, withinMs = this.settings.timeoutSeconds * 1000 } = options
    const what = `"openshell ${call}"`
    if (signal.aborted) throw cancelled(what)
    const child = execa(this.#program, args, {
      ...this.#common(),
      stdin: 'ignore',
      reject: false,
      timeout: withinMs,
      maxBuffer: maxOutput,
      cancelSignal: signal,
    })
    releaseAtExit(child)
    const result = await child
    if (result.isCanceled) throw cancelled(what)
    if (result.timedOut) {
      throw backendUnavailable(
        `${what} did not end within ${Math.round(withinMs / 1000)} s`,
        'Check with "openshell status" that the gateway answers, or raise plugins.entries.openshell.config.timeoutSeconds.',
        result,
      )
    }
    if (result.isMaxBuffer) throw this.#talksOn(what, result)
    const { exitCode, stdout, stderr } = result
    if (exitCode === undefined) throw this.#notRun(result.code, result.signal, result)
    return { code: exitCode, stdout, stderr }
  }

  #answer({ code, stdout, stderr }: Ended, call: string, name = ''): Answer {
    if (code === 0) return { ok: true, stdout }
    const context = { call, name, settings: this.settings }
    return { ok: false, failure: failureOf(stderr.trim() || stdout, context) }
  }

  #common() {
    return {
      env: this.#environment,
      extendEnv: false,
      // A name given to --from is a directory to OpenShell where there is one, and none of a workspace's
      // is meant.
      cwd: '/',
      forceKillAfterDelay: killAfterMs,
      windowsHide: true,
    } as const satisfies Options
  }

  #talksOn(what: string, cause: unknown) {
    return backendUnavailable(
      `${what} printed more than ${maxOutput / 1024 / 1024} MiB, and was ended`,
      `Run ${shown(this.settings.command)} yourself to see what it prints, and set plugins.entries.openshell.config.command to the path of OpenShell.`,
      cause,
    )
  }

  #notRun(code: string | undefined, signal: string | undefined, cause: unknown) {
    const { command } = this.settings
    if (code === 'ENOENT') {
      return backendUnavailable(
        `the command ${shown(command)} was not found`,
        `Install OpenShell (${installation}), or set plugins.entries.openshell.config.command to its path.`,
        cause,
      )
    }
    const reason = signal === undefined ? (code ?? 'it did not start') : `it was ended by ${signal}`
    return backendUnavailable(
      `${shown(command)} could not be run: ${reason}`,
      'Check plugins.entries.openshell.config.command and its permissions.',
      cause,
    )
  }
}

/** What a process left behind may hold its output open for ever; that of the process itself is there. */
function releaseAtExit(child: Pick<ResultPromise, 'once' | 'stdout' | 'stderr'>): void {
  const release = () => {
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  child.once('exit', () => setTimeout(release, releaseAfterMs).unref())
}

const installation = 'https://docs.nvidia.com/openshell/latest/about/installation'
