/** Reads of a tree in a sandbox: a few by a script each, and those that come meanwhile by one for many. */

/** Of many reads so many have a script of their own; what else a session does has its turn too. */
const aloneAtOnce = 3
/** What one script is asked for. */
const most = { files: 128, pathBytes: 30_000 } as const

interface Waiting<Path, Content> {
  readonly path: Path
  resolve(content: Content | undefined): void
  reject(error: unknown): void
}

/** What a file holds; undefined for one that has to be read alone; or why it cannot be read. */
export type ReadInMany<Content> = Content | Error | undefined

export class GatheredReads<Path extends string, Content> {
  readonly #readMany: (paths: readonly Path[]) => Promise<readonly ReadInMany<Content>[]>
  readonly #waiting: Waiting<Path, Content>[] = []
  #alone = 0
  #isGathering = false

  /** `readMany` answers in the order of the paths. */
  constructor(readMany: (paths: readonly Path[]) => Promise<readonly ReadInMany<Content>[]>) {
    this.#readMany = readMany
  }

  /** By `readAlone`, or together with others. */
  async read(path: Path, readAlone: () => Promise<Content>): Promise<Content> {
    if (this.#alone >= aloneAtOnce) {
      const found = await this.#gathered(path)
      if (found !== undefined) return found
    }
    this.#alone += 1
    try {
      return await readAlone()
    } finally {
      this.#alone -= 1
    }
  }

  #gathered(path: Path): Promise<Content | undefined> {
    const found = new Promise<Content | undefined>((resolve, reject) => {
      this.#waiting.push({ path, resolve, reject })
    })
    if (!this.#isGathering) void this.#readAll()
    return found
  }

  async #readAll(): Promise<void> {
    this.#isGathering = true
    // Those that come in one go are read together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, this.#portion())
      try {
        const all = await this.#readMany(some.map(({ path }) => path))
        for (const [i, { resolve, reject }] of some.entries()) {
          const one = all[i]
          if (one instanceof Error) reject(one)
          else resolve(one)
        }
      } catch (error) {
        for (const { reject } of some) reject(error)
      }
    }
    this.#isGathering = false
  }

  #portion(): number {
    let bytes = 0
    const end = this.#waiting.findIndex(({ path }, i) => {
      // A quote in it becomes four characters.
      bytes += Buffer.byteLength(path) + 3 * (path.split("'").length - 1) + 8
      return i === most.files || (i > 0 && bytes > most.pathBytes)
    })
    return end === -1 ? this.#waiting.length : end
  }
}
