/** The sandboxes of a gateway and their lives. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  atLeast,
  type CreateRequest,
  type Knobs,
  type Phase,
  type SandboxView,
  Status,
} from '../protocol.ts'
import { makeRoot, sandboxUser, writeNoise } from '../sandbox/root.ts'
import { defaultPolicy } from './default-policy.ts'
import { SandboxProcess } from './sandbox-process.ts'

export class SandboxRecord {
  readonly id = randomUUID()
  readonly createdMs = Date.now()
  readonly place: string
  readonly name: string
  readonly request: CreateRequest
  phase: Phase = 'Provisioning'
  condition: string | undefined = 'Starting: Waiting for the sandbox to start'
  /** Set when somebody removed what the record stands for behind the gateway's back. */
  lost = false
  process: SandboxProcess | undefined
  #version = 1
  readonly #watchers = new Set<(view: SandboxView | undefined) => void>()
  readonly #knobs: () => Knobs
  readonly #program: string

  constructor(
    place: string,
    name: string,
    request: CreateRequest,
    program: string,
    knobs: () => Knobs,
  ) {
    this.place = place
    this.name = name
    this.request = request
    this.#program = program
    this.#knobs = knobs
  }

  get workspace(): string {
    return this.request.workspace
  }

  get view(): SandboxView {
    return {
      id: this.id,
      name: this.name,
      workspace: this.workspace,
      labels: this.request.labels,
      resourceVersion: this.#version,
      createdMs: this.createdMs,
      phase: this.phase,
      ...(this.condition === undefined ? {} : { condition: this.condition }),
      tty: this.request.tty,
      policy: this.request.policy ?? defaultPolicy,
    }
  }

  become(phase: Phase, condition?: string): void {
    this.phase = phase
    this.condition = condition
    this.#version += 1
    for (const watcher of this.#watchers) watcher(this.view)
  }

  /** Calls `watcher` for every change, and with nothing when the record is gone. Returns the way out. */
  watch(watcher: (view: SandboxView | undefined) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** What happens after the record is written: it is Ready after the delay, or in Error. */
  async provision(): Promise<void> {
    const { missingImages, failCreate, provisioningMs } = this.#knobs()
    const { image } = this.request
    const failure = missingImages.includes(image)
      ? `ImagePullFailed: pull access denied for ${image}, repository does not exist or may require 'docker login'`
      : failCreate
    if (failure !== '') {
      await sleep(provisioningMs)
      if (this.phase === 'Provisioning') this.become('Error', failure)
      return
    }
    await Promise.all([this.run(), sleep(provisioningMs)])
    if (this.phase === 'Provisioning') this.become('Ready')
  }

  /** Starts what the record stands for; it is in Error if that fails. */
  async run(): Promise<void> {
    const knobs = this.#knobs()
    mkdirSync(this.place, { recursive: true })
    const root = makeRoot({
      place: this.place,
      program: this.#program,
      policy: this.request.policy,
      noisy: knobs.noisyProfile,
      readOnlyWorkspace: knobs.readOnlyWorkspace,
      workspaceBytes: knobs.workspaceBytes,
      sftp: knobs.sftp,
    })
    const settings = {
      socket: '/run/openshell/ssh.sock',
      ...sandboxUser,
      root: '/sandbox',
      environment: this.request.environment,
      main: this.request.command,
      owned: root.owned,
      rules: root.rules,
      nothingStarts: root.nothingStarts,
      closesOnLostInput: atLeast(knobs.version, '0.0.111'),
      inactivityMs: knobs.inactivityMs,
    }
    const started = new SandboxProcess(root, settings, (event) => {
      if ('mainExit' in event && this.process === started) void this.#mainEnded(event.mainExit)
    })
    this.process = started
    try {
      await started.listening
    } catch (error) {
      if (this.process === started) this.become('Error', `ContainerStartFailed: ${error}`)
    }
  }

  /** Applies knobs that a running sandbox feels. */
  feel(knobs: Knobs): void {
    if (this.process === undefined) return
    writeNoise(this.place, knobs.noisyProfile)
    this.process.tell({ inactivityMs: knobs.inactivityMs })
  }

  /** The canonical main process is the sandbox: when it ends, so does everything. */
  async #mainEnded(code: number): Promise<void> {
    await this.halt()
    if (['Deleting', 'Stopping', 'Error'].includes(this.phase)) return
    const completes = atLeast(this.#knobs().version, '0.1.0')
    if (completes && code === 0) this.become('Completed')
    else {
      const reason = completes ? 'MainProcessFailed' : 'MainProcessExited'
      this.become('Error', `${reason}: Canonical main process exited`)
    }
  }

  /** Ends all that runs in it; what it has written stays. */
  async halt(): Promise<void> {
    const ending = this.process
    this.process = undefined
    await ending?.kill()
  }

  async stop(): Promise<void> {
    if (this.phase === 'Stopped') return
    if (this.phase !== 'Ready' && this.phase !== 'Stopping') {
      throw new Status(
        'FailedPrecondition',
        `sandbox must be Ready to stop (current phase: ${this.phase})`,
      )
    }
    this.become('Stopping', 'Stopping: Sandbox stop requested')
    void this.halt().then(() => this.become('Stopped'))
  }

  async start(): Promise<void> {
    if (this.phase === 'Ready') return
    if (this.phase !== 'Stopped' && this.phase !== 'Starting') {
      throw new Status(
        'FailedPrecondition',
        `sandbox must be Stopped to start (current phase: ${this.phase})`,
      )
    }
    this.become('Starting', 'Starting: Sandbox start requested')
    const { provisioningMs } = this.#knobs()
    void Promise.all([this.run(), sleep(provisioningMs)]).then(() => {
      if (this.phase === 'Starting') this.become('Ready')
    })
  }

  /** Removes what it has written, and tells watchers that it is gone. */
  async remove(): Promise<void> {
    await this.halt()
    rmSync(this.place, { recursive: true, force: true })
    for (const watcher of this.#watchers) watcher(undefined)
  }
}

export const placeOf = (state: string, number: number) => join(state, 'sandboxes', String(number))
