/** When a stream is packed and when it is sent as it is, on a clock of the test's own. */
import { expect, test } from 'vitest'
import { PackingChoice } from '../../src/sync/seed/packing-choice.ts'

const mebibyte = 1024 * 1024
/** Bytes in a millisecond. */
const perSecond = (megabytes: number) => megabytes * 1_000

interface World {
  /** How fast it is packed, and how much smaller it gets. */
  readonly packing: number
  readonly gain: number
  /** How fast the line takes what it gets. */
  readonly line: number
  /** How fast the source is read. */
  readonly source?: number
  /** So many mebibytes that come as they are are taken at once. */
  readonly buffered?: number
}

/** What became of each mebibyte, a letter for each: packed or as it is. */
class Stream {
  #ms = 0
  readonly #choice = new PackingChoice(() => this.#ms)
  letters = ''

  send(mebibytes: number, world: World): string {
    const { packing, gain, line, source = perSecond(10_000), buffered = 0 } = world
    const before = this.letters.length
    for (let i = 0; i < mebibytes; i++) {
      const packs = this.#choice.packs
      const out = packs ? mebibyte * gain : mebibyte
      const packerMs = packs ? mebibyte / packing : 0
      const asItIs = this.letters.length - this.letters.lastIndexOf('p') - 1
      const lineMs = !packs && asItIs < buffered ? 0 : out / line
      const readMs = mebibyte / source
      // They work side by side, and the slowest of them is what the others wait for.
      const tookMs = Math.max(packerMs, lineMs, readMs)
      this.#ms += tookMs
      this.#choice.took(out, tookMs === lineMs ? lineMs : 0)
      this.#choice.gave(mebibyte, tookMs - readMs)
      this.letters += packs ? 'p' : '.'
      this.#choice.hasTurned()
    }
    return this.letters.slice(before)
  }
}

const code = { packing: perSecond(80), gain: 0.3 }
const packed = /^p+$/

test('over a slow line everything is packed', () => {
  expect(new Stream().send(300, { ...code, line: perSecond(10) })).toMatch(packed)
})

test('over one that takes more than can be packed it is sent as it is', () => {
  const sent = new Stream().send(300, { ...code, line: perSecond(400) })
  expect(sent).toMatch(/^p{12}\.+$/)
})

test('over one that is faster than what packs, and not as it is, it is tried now and then', () => {
  const sent = new Stream().send(300, { ...code, line: perSecond(40) })
  expect(sent).toMatch(/^p{12}(\.{16}p{36,44}){4,}/)
})

test('what buffers take at once is not the speed of the line', () => {
  const sent = new Stream().send(40, { ...code, line: perSecond(40), buffered: 7 })
  expect(sent).toMatch(/^p{12}\.{16}p{12}$/)
})

test('what is read more slowly than it is packed is packed', () => {
  const world = { ...code, line: perSecond(400), source: perSecond(50) }
  expect(new Stream().send(300, world)).toMatch(packed)
})

test('so is what is packed faster than anything could be encrypted', () => {
  const world = { packing: perSecond(300), gain: 0.01, line: perSecond(1_000) }
  expect(new Stream().send(300, world)).toMatch(packed)
})

test('what does not pack is sent as it is, and looked at again after a while', () => {
  const noise = { packing: perSecond(30), gain: 1, line: perSecond(10) }
  expect(new Stream().send(100, noise)).toMatch(/^(p\.{16}){5}/)
})

test('a line that becomes slow is packed for again', () => {
  const stream = new Stream()
  expect(stream.send(100, { ...code, line: perSecond(400) })).toMatch(/\.$/)
  expect(stream.send(100, { ...code, line: perSecond(5) })).toMatch(/^\.{1,32}p+$/)
})

test('code that runs for the first time is no measure', () => {
  const stream = new Stream()
  const cold = { packing: perSecond(20), gain: 0.01, line: perSecond(1_000) }
  expect(stream.send(8, cold)).toMatch(packed)
  expect(stream.send(100, { ...cold, packing: perSecond(400) })).toMatch(packed)
})
