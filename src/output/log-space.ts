/** Where the logs of a session's commands lie, and the disk space that they share. */
import { join } from 'node:path'
import { newLogDirectory, removeLogDirectory } from './log-directory.ts'

export class LogSpace {
  readonly #limit: number
  #directory: string | undefined
  #count = 0
  #used = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get usedBytes(): number {
    return this.#used
  }

  /** A path where no file is; its directory, only for this user, is there. */
  newPath(): string {
    this.#directory ??= newLogDirectory()
    this.#count += 1
    return join(this.#directory, `${this.#count}.log`)
  }

  /** Reserves up to `bytes`; returns how many there was room for. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#limit - this.#used)
    this.#used += taken
    return taken
  }

  /** Gives back what a removed log had taken. */
  give(bytes: number): void {
    this.#used -= bytes
  }

  /** Removes all logs. */
  remove(): void {
    if (this.#directory !== undefined) removeLogDirectory(this.#directory)
    this.#directory = undefined
  }
}
