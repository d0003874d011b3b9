/**
 * Whether what is sent is packed. What does not pack is not, and neither is what a line takes faster than it can be
 * packed: a local one takes several hundred megabytes a second, and source code is packed at less than a hundred.
 */

/** Packing that gains less than this is not worth what it costs. */
const worthwhile = 0.9
/** After so much it is judged what packing gains, and after so much how fast it is. */
const judgedBytes = 1024 * 1024
const timedBytes = 4 * judgedBytes
/** What is sent as it is is so for as long as this. Of its speed the first half tells nothing: buffers take that. */
const asItIsBytes = 16 * judgedBytes
/** Code that runs for the first time is no measure. */
const warmUpBytes = timedBytes
/** So often in a row packing has to be found slow. */
const slowWindows = 2
/** Where a line was found to be slow it is not tried again before so much. */
const triedAgainBytes = 32 * judgedBytes
/** Bytes in a millisecond: what packs so fast is sent sooner than it would be encrypted as it is. */
const fastPacking = 120_000
/** A line that seems slower than packing by less than this may be faster. */
const doubt = 0.7

interface Mark {
  readonly in: number
  readonly out: number
  readonly waitedMs: number
  readonly atMs: number
}

/** Of one stream. It is told what happens, and asked after each piece. */
export class PackingChoice {
  readonly #now: () => number
  #packs = true
  /** Bytes in a millisecond, where packing was what took the time; undefined while what is sent does not pack. */
  #packed: number | undefined
  #triedAt = warmUpBytes
  #slow = 0
  #in = 0
  #out = 0
  /** For the packer, and not for the line. */
  #waitedMs = 0
  /** Where what is judged now began. */
  #judged: Mark
  /** Where it began that packing is timed, or the second half of what is sent as it is. */
  #timed: Mark | undefined

  /** `now` tells milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#judged = this.#timed = this.#mark()
  }

  get packs(): boolean {
    return this.#packs
  }

  /** So many bytes were given to the packer, which was waited for after that for so long. */
  gave(bytes: number, waitedMs: number): void {
    this.#in += bytes
    this.#waitedMs += waitedMs
  }

  /** The line has taken so many bytes of what the packer made, and so long for it. */
  took(bytes: number, waitedMs: number): void {
    this.#out += bytes
    this.#waitedMs -= waitedMs
  }

  /** Decides anew; true when it goes on in the other way, from the next piece on. */
  hasTurned(): boolean {
    const before = this.#packs
    if (this.#packs) this.#judgePacking()
    else this.#judgeSending()
    if (before === this.#packs) return false
    this.#judged = this.#mark()
    this.#timed = this.#packs ? this.#judged : undefined
    return true
  }

  #judgePacking(): void {
    const judged = this.#in - this.#judged.in
    if (judged >= judgedBytes) {
      this.#packs = this.#out - this.#judged.out < judged * worthwhile
      this.#packed = undefined
      this.#judged = this.#mark()
    }
    if (!this.#packs || this.#timed === undefined) return
    const { in: from, waitedMs, atMs } = this.#timed
    if (this.#in - from < timedBytes) return
    const tookMs = this.#now() - atMs
    const isPackerSlowest = this.#waitedMs - waitedMs > tookMs / 2
    const rate = (this.#in - from) / tookMs
    const isSlow = isPackerSlowest && rate < fastPacking && from >= this.#triedAt
    this.#slow = isSlow ? this.#slow + 1 : 0
    if (this.#slow === slowWindows) {
      this.#slow = 0
      this.#packs = false
      this.#packed = rate
    }
    this.#timed = this.#mark()
  }

  #judgeSending(): void {
    const sent = this.#in - this.#judged.in
    if (sent >= asItIsBytes / 2) this.#timed ??= this.#mark()
    if (this.#timed === undefined || sent < asItIsBytes) return
    const rate = (this.#in - this.#timed.in) / (this.#now() - this.#timed.atMs)
    if (this.#packed !== undefined && rate > this.#packed * doubt) {
      this.#judged = this.#mark()
      this.#timed = undefined
      return
    }
    this.#packs = true
    if (this.#packed !== undefined) this.#triedAt = this.#in + triedAgainBytes
  }

  #mark(): Mark {
    return { in: this.#in, out: this.#out, waitedMs: this.#waitedMs, atMs: this.#now() }
  }
}
