/**
 * A sandbox that runs: bubblewrap's namespaces around the supervisor, which is told what it needs on
 * stdin and answers with a line of JSON for what happens. All that runs in it ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Root } from '../sandbox/root.ts'
import type { SupervisorEvent, SupervisorSettings } from '../sandbox/settings.ts'

export class SandboxProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  /** Resolves when its SSH server listens; rejects when it never will. */
  readonly listening: Promise<void>

  constructor(root: Root, settings: SupervisorSettings, onEvent: (event: SupervisorEvent) => void) {
    const seccomp = openSync(root.seccomp, 'r')
    this.#child = spawn('bwrap', root.args, { stdio: ['pipe', 'pipe', 'pipe', seccomp] })
    closeSync(seccomp)
    this.#ended = once(this.#child, 'close').then(() => {})
    let errors = ''
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      errors += text
      process.stderr.write(text)
    })
    this.#child.stdin?.on('error', () => {})
    this.#child.stdin?.write(`${JSON.stringify(settings)}\n`)
    this.listening = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      void this.#ended.then(() => reject(new Error(`the supervisor ended: ${errors}`)))
      if (this.#child.stdout === null) return
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        const event: SupervisorEvent = JSON.parse(line)
        if ('listening' in event) resolve()
        else onEvent(event)
      })
    })
    this.listening.catch(() => {})
  }

  /** Changes what can change while it runs. */
  tell(change: Partial<SupervisorSettings>): void {
    this.#child.stdin?.write(`${JSON.stringify(change)}\n`)
  }

  /** Resolves when nothing of it is left. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
