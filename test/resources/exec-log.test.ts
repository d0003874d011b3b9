import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CapturedOutput, type OutputLimits } from '../../src/output/captured-output.ts'
import { LogSpace } from '../../src/output/log-space.ts'
import { logLimits, parseExecUri, readExecLog } from '../../src/resources/exec-log.ts'

const wide: OutputLimits = { headBytes: 64, tailBytes: 64, logBytes: 1e9 }
const ended = { outcome: 'exited', exitCode: 0, durationMs: 1 } as const

async function printed(chunks: readonly Buffer[], limits = wide) {
  const space = new LogSpace(1e9)
  onTestFinished(() => space.remove())
  const output = new CapturedOutput(space, limits)
  for (const chunk of chunks) await output.add('stdout', chunk)
  return output
}

type Read = {
  text: string
  _meta: { offset: number; next: number; total: number; running: boolean }
}

async function read(execution: Parameters<typeof readExecLog>[0], query = ''): Promise<Read> {
  const uri = `exec://ID${query}`
  const request = parseExecUri(uri)
  if (request === undefined) throw new Error('it is not parsed')
  const content = await readExecLog(execution, request, uri)
  expect(content).toMatchObject({ uri, mimeType: 'text/plain' })
  return content as unknown as Read
}

/** The pages as their notes lead from one to the next, without the notes. */
async function allPages(output: CapturedOutput, limit: number): Promise<string[]> {
  const pages: string[] = []
  for (let uri: string | undefined = `?limit=${limit}`; uri !== undefined; ) {
    const { text, _meta } = await read({ output, ended }, uri)
    const note = /\n?\[bytes (\d+) to (\d+) of (\d+); read on at exec:\/\/ID(\?offset=\d+)\]$/
    const next: string | undefined = note.exec(text)?.[4]
    pages.push(next === undefined ? text : text.replace(note, ''))
    if (next !== undefined) expect(next).toBe(`?offset=${_meta.next}`)
    uri = next === undefined ? undefined : `${next}&limit=${limit}`
  }
  return pages
}

describe('the log of a command', () => {
  test('comes whole and without a note when it is short', async () => {
    const output = await printed([Buffer.from('hello\n')])
    expect(await read({ output, ended })).toMatchObject({
      text: 'hello\n',
      _meta: { offset: 0, next: 6, total: 6, running: false },
    })
  })

  test('pages to the same text, whatever the size, and no character is cut', async () => {
    const unit = fc.constantFrom('a', 'é', '€', '\u{1f600}', '-', 'z')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit, maxLength: 300, size: 'max' }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 64, max: 200 }),
        async (chunks, limit) => {
          const output = await printed(chunks.map((chunk) => Buffer.from(chunk)))
          await output.close()
          const pages = await allPages(output, limit)
          expect(pages.join('')).toBe(chunks.join(''))
          for (const page of pages) expect(page).not.toContain('\ufffd')
        },
      ),
      { numRuns: 100 },
    )
  })

  test('pages through bytes that are no characters, and says so for each', async () => {
    const bytes = Buffer.alloc(1_000, 0xbf)
    const output = await printed([bytes])
    await output.close()
    const { _meta } = await read({ output, ended }, '?limit=64')
    expect(_meta.next).toBeGreaterThan(0)
    const pages = await allPages(output, 64)
    expect(pages.join('').length).toBeGreaterThan(900)
  })

  test('begins where it is asked to, also from the end, and never inside a character', async () => {
    const output = await printed([Buffer.from('€'.repeat(100))])
    await output.close()
    expect((await read({ output, ended }, '?offset=-4')).text).toBe('€')
    expect((await read({ output, ended }, '?offset=298')).text).toBe('')
    expect((await read({ output, ended }, '?offset=297')).text).toBe('€')
    expect((await read({ output, ended }, '?offset=100000')).text).toBe('')
    expect((await read({ output, ended }, '?offset=-100000')).text).toBe('€'.repeat(100))
  })

  test('of a running command is what it printed so far, and where the rest will be', async () => {
    const output = await printed([Buffer.from('one\n')])
    const first = await read({ output, ended: undefined })
    expect(first.text).toBe(
      'one\n[still running; what it prints from here on will be at exec://ID?offset=4]',
    )
    await output.add('stdout', Buffer.from('two\n'))
    expect((await read({ output, ended }, `?offset=${first._meta.next}`)).text).toBe('two\n')
  })

  test('says what was not kept, and goes on after it', async () => {
    const limits = { headBytes: 10, tailBytes: 10, logBytes: 100 }
    const output = await printed(
      [Buffer.from('a'.repeat(100)), Buffer.from('b'.repeat(400))],
      limits,
    )
    await output.close()
    const first = await read({ output, ended })
    expect(first.text).toContain(`read on at exec://ID?offset=${first._meta.next}`)
    const second = await read({ output, ended }, `?offset=${first._meta.next}`)
    expect(second.text).toMatch(/^\[bytes 100 to 490 were not kept: .*\]\n\[bytes .*offset=490\]$/)
    expect((await read({ output, ended }, '?offset=490')).text).toBe('b'.repeat(10))
  })

  test('is at most a megabyte at a time', async () => {
    const output = await printed([Buffer.alloc(3e6, 1)])
    await output.close()
    const { text, _meta } = await read({ output, ended }, `?limit=${logLimits.most}`)
    expect(_meta.next).toBe(logLimits.most)
    expect(JSON.stringify(text).length).toBeLessThan(8 * 1024 * 1024)
    expect((await read({ output, ended }))._meta.next).toBe(logLimits.default)
  })
})

describe('a log URI', () => {
  test.each([
    'exec://',
    'exec:ID',
    'exec:///ID',
    'EXEC://ID',
    'exec://ID/x',
    'exec://ID#x',
    'exec://ID?x=1',
    'exec://ID?offset=x',
    'exec://ID?offset=1.5',
    'exec://ID?limit=10',
    'exec://ID?limit=-100',
    'exec://ID?limit=9999999',
    'exec://../ID',
    'exec://%49D',
    `exec://${'I'.repeat(100)}`,
    `exec://ID?offset=${'1'.repeat(1000)}`,
  ])('%s is refused', (uri) => {
    expect(() => parseExecUri(uri)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  test('of any length is read at once', () => {
    for (const uri of [`exec://${'?'.repeat(4e6)}`, `exec://a?${'&'.repeat(4e6)}`]) {
      const began = performance.now()
      expect(() => parseExecUri(uri)).toThrow('is not a log')
      expect(performance.now() - began).toBeLessThan(500)
    }
  })

  test('is not what has another scheme', () => {
    expect(parseExecUri('workspace:///x')).toBeUndefined()
  })
})
