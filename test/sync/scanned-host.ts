/** A directory of the host, and what scans it again and again. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { DigestCache } from '../../src/sync/host/digest-cache.ts'
import { HostScanner, type HostScannerOptions, scanHost } from '../../src/sync/host/scan.ts'
import type { Scan } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'

type SomeOptions = Partial<Pick<HostScannerOptions, 'cache' | 'watchedFrom'>>

/** For one test; whoever makes it closes it. */
export class ScannedHost {
  /** Real path of a directory of the test's own. */
  readonly base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-scanned-')))
  /** What is scanned, in it. */
  readonly root = join(this.base, 'above/root')
  readonly #rules: SyncRules
  #scanner: HostScanner

  /** Few entries are watched too. */
  constructor(rules = new SyncRules()) {
    mkdirSync(this.root, { recursive: true })
    this.#rules = rules
    this.#scanner = this.#newScanner({ watchedFrom: 0 })
  }

  get scanner(): HostScanner {
    return this.#scanner
  }

  /** Another scanner, which knows nothing yet. */
  async renew(options: SomeOptions = { watchedFrom: 0 }): Promise<void> {
    await this.#scanner.close()
    this.#scanner = this.#newScanner(options)
  }

  async close(): Promise<void> {
    await this.#scanner.close()
    rmSync(this.base, { recursive: true, force: true })
  }

  at(path: string): string {
    return join(this.root, path)
  }

  put(path: string, text = path): void {
    mkdirSync(dirname(this.at(path)), { recursive: true })
    writeFileSync(this.at(path), text)
  }

  async scan() {
    const scan = await this.#scanner.scan()
    this.#scanner.rest()
    return plain(scan)
  }

  /** What a first scan finds. */
  async fresh() {
    const { root } = this
    return plain(await scanHost({ root, rules: this.#rules, cache: new DigestCache() }))
  }

  /** What a scan looks at, and how much there is. */
  async looked() {
    const looked = { entries: 0, readBytes: 0 }
    const { snapshot } = await this.#scanner.scan(undefined, looked)
    this.#scanner.rest()
    return { ...looked, all: snapshot.size }
  }

  /** Until a scan has nothing to look at. */
  untilWatched(): Promise<void> {
    return expect
      .poll(async () => (await this.looked()).entries, { interval: 160, timeout: 10_000 })
      .toBe(0)
  }

  /** Until another change of any file must leave another ctime. */
  untilSettled(): Promise<void> {
    const youngestMs = () => {
      const paths = readdirSync(this.root, { recursive: true })
      return Math.max(...paths.map((path) => lstatSync(this.at(`${path}`)).ctimeMs))
    }
    return expect.poll(() => Date.now() - youngestMs(), { interval: 10 }).toBeGreaterThan(60)
  }

  #newScanner(options: SomeOptions): HostScanner {
    const { root } = this
    return new HostScanner({ root, rules: this.#rules, cache: new DigestCache(), ...options })
  }
}

/** To be compared. */
export function plain({ snapshot, problems }: Scan) {
  return {
    snapshot: Object.fromEntries(snapshot),
    problems: [...problems].sort((a, b) => (a.path < b.path ? -1 : 1)),
  }
}
