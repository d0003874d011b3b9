/** What is kept of a command's output, whatever comes in and whatever the disk does. */
import { existsSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { CapturedOutput, type OutputLimits } from '../../src/output/captured-output.ts'
import { countLineFeeds } from '../../src/output/line-feeds.ts'
import { LogSpace } from '../../src/output/log-space.ts'
import { logLimits, readExecLog } from '../../src/resources/exec-log.ts'
import { viewOutput } from '../../src/tools/exec/output-view.ts'
import { bytesPage, lastPage, linesPage } from '../../src/tools/process/log-page.ts'

const small: OutputLimits = { headBytes: 40, tailBytes: 60, logBytes: 1e6 }
const start = { bytes: 0, lineFeeds: 0 }

const logOf = (offset: number) => ({ id: 'x', offset, limit: logLimits.default })

function newOutput(limits = small, space = new LogSpace(1e6)) {
  onTestFinished(() => space.remove())
  return { output: new CapturedOutput(space, limits), space }
}

const chunks = fc.array(
  fc.tuple(fc.constantFrom('stdout', 'stderr'), fc.uint8Array({ maxLength: 150 })),
  { maxLength: 12 },
)

test('every range of any output can be read again, and every line is counted', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(), fc.nat(), async (given, one, other) => {
      const { output, space } = newOutput()
      for (const [stream, bytes] of given) await output.add(stream, Buffer.from(bytes))
      await output.close()
      const { bytes: total, lineFeeds } = output.end
      const whole = await output.read(0, total)
      expect(whole.length).toBe(given.reduce((sum, [, bytes]) => sum + bytes.length, 0))
      expect(lineFeeds).toBe(whole.toString('latin1').split('\n').length - 1)
      const [from = 0, to = 0] = [one % (total + 1), other % (total + 1)].sort((a, b) => a - b)
      expect((await output.read(from, to)).equals(whole.subarray(from, to))).toBe(true)
      space.remove()
    }),
  )
})

test('what one stream prints is in order, also when another mixes in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.nat(), async (text, cut) => {
      const { output, space } = newOutput({ ...small, headBytes: 10_000 })
      const bytes = Buffer.from(text)
      const at = cut % (bytes.length + 1)
      await output.add('stdout', bytes.subarray(0, at))
      await output.add('stderr', Buffer.from('|'))
      await output.add('stdout', bytes.subarray(at))
      await output.close()
      const all = (await output.read(0, output.end.bytes)).toString()
      expect(all.replace('|', '')).toBe(text.replace('|', ''))
      space.remove()
    }),
  )
})

test('line feeds are counted in bytes at any alignment', () => {
  // Near a line feed in value too, and enough of them for both ways of counting.
  const byte = fc.constantFrom(0x0a, 0x0a, 0x0a, 0x0b, 0x09, 0x8a, 0x00, 0xff, 0x80, 0x78)
  const given = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .array(byte, { minLength: 150, maxLength: 400, size: 'max' })
      .map((all) => Uint8Array.from(all)),
  )
  fc.assert(
    fc.property(given, fc.nat({ max: 8 }), (all, skip) => {
      const bytes = Buffer.from(all).subarray(Math.min(skip, all.length))
      expect(countLineFeeds(bytes)).toBe(bytes.toString('latin1').split('\n').length - 1)
    }),
  )
})

test('a disk that takes no log costs the middle, and says so', async () => {
  const { output, space } = newOutput()
  const directory = dirname(space.newPath())
  rmSync(directory, { recursive: true })
  for (let at = 0; at < 100; at += 1) await output.add('stdout', Buffer.from(`line ${at}\n`))
  await output.close()
  expect(existsSync(directory)).toBe(false)
  const view = await viewOutput(output, start, output.end, 'HERE')
  expect(view.text).toMatch(
    /^(line \d\n)+\[\d+ bytes \(\d+ lines\) left out here; 690 of them are lost: the log could not be written \(ENOENT\); HERE\]\n(line \d\d\n)+$/,
  )
  expect(space.usedBytes).toBe(0)
})

test('logs share their space, and give it back', async () => {
  const { output: first, space } = newOutput(small, new LogSpace(500))
  await first.add('stdout', Buffer.alloc(400, 'x'))
  await first.close()
  const { output: second } = newOutput(small, space)
  await second.add('stdout', Buffer.alloc(400, 'y'))
  await second.close()
  expect(second.gap).toEqual({
    from: 100,
    to: 340,
    why: "the session's logs have filled their space",
  })
  first.dropLog()
  expect(first.gap).toMatchObject({ from: 40, to: 340 })
  expect(space.usedBytes).toBe(100)
})

test('what is asked for while its log fails is told as lost', async () => {
  const { output } = newOutput(small, new LogSpace(0))
  const print = (byte: string) => void output.add('stdout', Buffer.alloc(90, byte))
  print('a')
  const from = output.end
  print('b')
  const asked = [
    viewOutput(output, from, output.end, 'HERE').then(({ text }) => text),
    bytesPage(output, 90).then(({ notes }) => notes.join()),
    lastPage(output, 9).then(({ notes }) => notes.join()),
    linesPage(output, 1, 9).then(({ cursor }) => `to ${cursor}`),
    readExecLog({ output, ended: undefined }, logOf(90), '').then((page) => JSON.stringify(page)),
  ]
  const why = "the session's logs have filled their space"
  expect(await Promise.all(asked)).toEqual([
    `[30 bytes (0 lines) left out here; 30 of them are lost: ${why}; HERE]\n${'b'.repeat(60)}`,
    expect.stringContaining(`bytes 90 to 120 are lost: ${why}`),
    expect.stringContaining(`bytes 40 to 120 are lost: ${why}`),
    'to 40',
    expect.stringContaining(`[bytes 40 to 120 were not kept: ${why}]`),
  ])
})

test('what a command prints while it is told takes nothing from the end of what is told', async () => {
  const { output } = newOutput(small, new LogSpace(200))
  await output.add('stdout', Buffer.alloc(400, 'a'))
  await output.written
  const told = viewOutput(output, { bytes: 150, lineFeeds: 0 }, output.end, 'HERE')
  // Once it reads what is in the log.
  await new Promise(setImmediate)
  void output.add('stdout', Buffer.alloc(60, 'b'))
  const { text, omittedBytes } = await told
  expect(text.replace(/\[.*\]\n/, '')).toBe(`${'a'.repeat(40)}\n${'a'.repeat(60)}`)
  expect(omittedBytes).toBe(150)
})

test('a log that was dropped inside a character is paged to its end', async () => {
  const text = '漢字のログ'.repeat(20)
  for (const headBytes of [39, 40, 41]) {
    const { output } = newOutput({ ...small, headBytes })
    await output.add('stdout', Buffer.from(text))
    await output.close()
    output.dropLog()
    const total = output.end.bytes
    expect(output.gap).toMatchObject({ from: headBytes })
    for (let cursor = 0; cursor < total; ) {
      const page = await bytesPage(output, cursor)
      expect(page.cursor).toBeGreaterThan(cursor)
      cursor = page.cursor
    }
  }
})
