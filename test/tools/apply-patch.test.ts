import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { isSandboxError } from '../../src/errors.ts'
import type { Session } from '../../src/session.ts'
import { applyChunks } from '../../src/tools/apply-patch/apply-chunks.ts'
import { FileLines } from '../../src/tools/apply-patch/file-lines.ts'
import { parsePatch } from '../../src/tools/apply-patch/parse.ts'
import { applyPatch } from '../../src/tools/apply-patch.ts'
import { decodeText, encodeText } from '../../src/tools/byte-text.ts'
import { splitLines } from '../../src/tools/text-lines.ts'
import { atOnce } from '../../src/turn.ts'
import { contentsOf, temporaryPair } from '../support/directory-contents.ts'
import { directorySession } from '../support/directory-session.ts'
import { describeFiles } from '../support/file-places.ts'
import { RacedTree } from '../support/raced-tree.ts'

const scenarios = join(import.meta.dirname, 'apply-patch')
const names = readdirSync(scenarios, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

function run(session: Session, input: string, signal = new AbortController().signal) {
  return applyPatch.run({ input }, { session, signal, progress: () => {} })
}

/** What a client reads: the text, or the error as the server renders it. */
async function answer(session: Session, input: string): Promise<string> {
  try {
    const { content } = await run(session, input)
    return content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n')
  } catch (error) {
    if (!isSandboxError(error)) throw error
    return `${error.code}: ${error.message}\n${error.hint}`
  }
}

describeFiles('apply_patch', (newPlace) => {
  test.each(names)('%s leaves the expected files, and answers as expected', async (name) => {
    const place = newPlace()
    const { root, inside, session } = place
    const input = join(scenarios, name, 'input')
    if (existsSync(input)) cpSync(input, root, { recursive: true })
    place.ready()
    const told = await answer(session, readFileSync(join(scenarios, name, 'patch.txt'), 'utf8'))
    expect(contentsOf(root)).toEqual(contentsOf(join(scenarios, name, 'expected')))
    expect(contentsOf(inside)).toEqual({})
    expect(`${told}\n`).toBe(readFileSync(join(scenarios, name, 'answer.txt'), 'utf8'))
  })
})

const update = (path: string, ...chunks: string[]) =>
  ['*** Begin Patch', `*** Update File: ${path}`, ...chunks, '*** End Patch', ''].join('\n')

const change = (from: string, to: string) => `@@\n-${from}\n+${to}`

/** The text core alone, on one file. */
function patched(text: string, ...chunks: string[]): string {
  const [operation] = parsePatch(update('a', ...chunks))
  if (operation?.kind !== 'update') throw new Error('one update was given')
  return atOnce(applyChunks(text, operation.chunks))
}

test('hundreds of thousands of lines take the place and the endings of as many others', () => {
  const lines = 800_000
  const chunk = `@@\n${'-x\n'.repeat(lines)}${'+y\n'.repeat(lines).trimEnd()}`
  expect(patched('x\r\n'.repeat(lines), chunk) === 'y\r\n'.repeat(lines)).toBe(true)
})

describe('others who change the same files', () => {
  test('a patch is planned anew on what they wrote', async () => {
    const { root, inside } = temporaryPair()
    writeFileSync(join(root, 'a'), '1\n2\n')
    const tree = new RacedTree(root, 1, () => writeFileSync(join(root, 'a'), 'new\n1\n2\n'))
    const told = await answer(directorySession(root, inside, tree), update('a', change('2', 'two')))
    expect(told).toBe('Success. Updated the following files:\nM a')
    expect(contentsOf(root)).toEqual({ a: 'new\n1\ntwo\n' })
  })

  test('a file that never stops changing is stale, and nothing is written', async () => {
    const { root, inside } = temporaryPair()
    for (const name of ['a', 'b']) writeFileSync(join(root, name), '2\n')
    let count = 0
    const tree = new RacedTree(root, Number.POSITIVE_INFINITY, () => {
      count += 1
      writeFileSync(join(root, 'a'), `${count + 10}\n2\n`)
    })
    const patch =
      '*** Begin Patch\n*** Update File: b\n-2\n+two\n*** Update File: a\n-2\n+two\n*** End Patch'
    const told = await answer(directorySession(root, inside, tree), patch)
    expect(told).toMatch(/^FILE_STALE: .*"a"/)
    expect(contentsOf(root)).toEqual({ a: `${count + 10}\n2\n`, b: '2\n' })
    expect(count).toBeGreaterThan(1)
  })

  test('an added file that appears meanwhile is refused', async () => {
    const { root, inside } = temporaryPair()
    const tree = new RacedTree(root, 1, () => writeFileSync(join(root, 'a'), 'theirs\n'))
    const patch = '*** Begin Patch\n*** Add File: a\n+ours\n*** End Patch'
    expect(await answer(directorySession(root, inside, tree), patch)).toMatch(/^FILE_EXISTS: "a"/)
    expect(contentsOf(root)).toEqual({ a: 'theirs\n' })
  })

  test('patches in parallel are all kept, also when they share files crosswise', async () => {
    const { root, inside } = temporaryPair()
    const numbers = Array.from({ length: 12 }, (_, i) => i)
    for (const name of ['a', 'b']) {
      writeFileSync(join(root, name), numbers.map((i) => `line ${i}\n`).join(''))
    }
    const session = directorySession(root, inside)
    const patches = numbers.map((i) => {
      const [first, second] = i % 2 === 0 ? ['a', 'b'] : ['b', 'a']
      const body = change(`line ${i}`, `done ${i}`)
      return `*** Begin Patch\n*** Update File: ${first}\n${body}\n*** Update File: ${second}\n${body}\n*** End Patch`
    })
    await Promise.all(patches.map((patch) => run(session, patch)))
    const all = numbers.map((i) => `done ${i}\n`).join('')
    expect(contentsOf(root)).toEqual({ a: all, b: all })
  })

  test('a cancelled call writes nothing', async () => {
    const { root, inside } = temporaryPair()
    writeFileSync(join(root, 'a'), '1\n')
    const call = run(
      directorySession(root, inside),
      update('a', change('1', 'one')),
      AbortSignal.abort(),
    )
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(contentsOf(root)).toEqual({ a: '1\n' })
  })
})

describe('where chunks go and what they write', () => {
  const cases: [name: string, text: string, chunks: string[], expected: string][] = [
    [
      'trailing blanks are ignored before indentation is',
      ' x\nx \n',
      [change('x', 'y')],
      ' x\ny\n',
    ],
    ['only lines after the context count', 'x\na\ny\nx\n', ['@@ a\n-x\n+z'], 'x\na\ny\nz\n'],
    ['blank lines before the first mark', 'x\n', ['', '', change('x', 'y')], 'y\n'],
    ['blank lines between two marks', 'x\n', ['@@\n\n@@\n-x\n+y'], 'y\n'],
    ['blank lines between stacked marks', 'f\nx\n', ['@@ f\n\n\n@@\n-x\n+y'], 'f\ny\n'],
    ['blanks below the end of the file', 'x\n', ['@@\n x\n*** End of File\n \t\n@@\n+y'], 'x\ny\n'],
    ['blank lines that only set off', 'x\nz\n', ['@@\n-x\n+y\n\n', '@@\n-z\n \n-\n \n'], 'y\n'],
    ['of blank lines as many as there are', 'x\n\nz\nx\n', ['@@\n-x\n+y\n\n\n'], 'y\n\nz\nx\n'],
    ['blank lines that are not there, above added ones', 'x\n', ['@@\n x\n\n\n+y'], 'x\n\n\ny\n'],
    ['a place that starts inside a failed one', 'a\na\na\nb\n', ['@@\n-a\n-a\n-b\n+c'], 'a\nc\n'],
    ['kept lines end the pairing of endings', 'a\r\nb\nc\n', ['@@\n-a\n b\n+x'], 'b\nx\nc\n'],
    ['an insertion above a written blank context', 'a\n\nb\n', ['@@\n+x\n '], 'a\nx\n\nb\n'],
  ]
  test.each(cases)('%s', (_, text, chunks, expected) => {
    expect(patched(text, ...chunks)).toBe(expected)
  })

  test('the end of the file is not taken twice', () => {
    const last = `${change('b', 'c')}\n*** End of File`
    expect(() => patched('a\nb\n', last, last)).toThrow('not at the end of the file')
  })

  test.each([
    [
      'a move onto a file that the patch adds is refused',
      '*** Add File: b\n+b\n*** Update File: a\n*** Move to: b',
      'FILE_EXISTS: nothing was written; 1 of 2 files cannot be changed as the patch asks:\n"b" exists already\nUpdate that file instead, or delete it in the same patch.',
    ],
    [
      'one reason for each file',
      `*** Update File: a\n${change('no', 'x')}\n*** Update File: a\n${change('not', 'x')}`,
      'EDIT_NO_MATCH: a: the lines of the chunk at line 3 of the patch were not found\nRead the file again and copy the lines from it exactly; nothing was written.',
    ],
    [
      'a move to the same place is none',
      `*** Update File: a\n*** Move to: ./a\n${change('1', '2')}`,
      'Success. Updated the following files:\nM a',
    ],
  ])('%s', async (_, body, expected) => {
    const { root, inside } = temporaryPair()
    writeFileSync(join(root, 'a'), '1\n')
    const patch = `*** Begin Patch\n${body}\n*** End Patch`
    expect(await answer(directorySession(root, inside), patch)).toBe(expected)
  })
})

describe('decisions that differ from the Codex reference', () => {
  test('a last line without newline that the patch does not touch stays without', () => {
    expect(patched('1\n2', change('1', 'one'))).toBe('one\n2')
  })

  test('a last line that the patch writes ends with a newline, as there', () => {
    expect(patched('1\n2', change('2', 'two'))).toBe('1\ntwo\n')
  })

  test('an insertion under a context goes below it, not to the end of the file', () => {
    expect(patched('a\nb\nc\n', '@@ a\n+x')).toBe('a\nx\nb\nc\n')
  })

  test('a context above an insertion without one is not below it, and the insertion is told', () => {
    const chunks = ['@@\n+x', '@@ f\n-y\n+z']
    expect(() => patched('f\ny\n', ...chunks)).toThrow(
      /"f" of the chunk at line 5 .* is at line 1, but only line 3 .*, as the chunk at line 3 has no context/,
    )
  })

  test('the first of several places is never taken', () => {
    expect(() => patched('x\nx\n', change('x', 'y'))).toThrow('lines 1, 2')
  })
})

test('a file larger than the limit is deleted without being held', async () => {
  const { root, inside } = temporaryPair()
  writeFileSync(join(root, 'big'), Buffer.alloc(9 * 1024 * 1024, 'x\n'))
  const session = directorySession(root, inside)
  expect(await answer(session, update('big', change('y', 'z')))).toMatch(/^FILE_TOO_LARGE: "big"/)
  const told = await answer(session, '*** Begin Patch\n*** Delete File: big\n*** End Patch')
  expect(told).toBe('Success. Updated the following files:\nD big')
  expect(contentsOf(root)).toEqual({})
})

test('facts name every file with its action', async () => {
  const { root, inside } = temporaryPair()
  for (const name of ['gone', 'here', 'old']) writeFileSync(join(root, name), '1\n')
  const patch = `*** Begin Patch
*** Add File: /workspace/new
+x
*** Delete File: gone
*** Update File: here
${change('1', '2')}
*** Update File: old
*** Move to: ./d/../moved
*** End Patch`
  const { facts } = await run(directorySession(root, inside), patch)
  expect(applyPatch.output.parse(facts)).toEqual({
    files: [
      { path: 'new', action: 'added' },
      { path: 'gone', action: 'deleted' },
      { path: 'here', action: 'modified' },
      { path: 'moved', action: 'renamed', from: 'old' },
    ],
  })
})

test('a file of many equal lines is searched in linear time', () => {
  const lines = 200_000
  const text = 'x\n'.repeat(lines)
  const wanted = `${'-x\n'.repeat(2000)}-y\n+z`
  expect(() => patched(text, `@@\n${wanted}`)).toThrow('were not found')
}, 20_000)

test('a chunk that ends with very many empty lines is located as one with a few', () => {
  const blanks = '\n'.repeat(100_000)
  expect(patched('a\nb\n', `@@\n a\n-b\n+c${blanks}`)).toBe('a\nc\n')
  expect(patched(`a\n\n\nb\n`, `@@\n a\n+c${blanks}\n+d`)).toBe(`a\nc${'\n'.repeat(100_001)}d\nb\n`)
  expect(patched('a\nb\na', '@@ a\n b\n\n+\n+a\n-')).toBe('a\nb\n\n\na\na')
  expect(() => patched('a\n', `@@\n-b${blanks}\n-`)).toThrow('were not found')
}, 20_000)

test('at the end of a file as well, which is looked for a few times only', () => {
  const looks = vi.spyOn(FileLines.prototype, 'places')
  const chunk = (count: number) => ['@@', '-x', '+y', ...Array(count).fill(' '), '*** End of File']
  const looksFor = (count: number) => {
    looks.mockClear()
    expect(patched('x\nx\n', ...chunk(count))).toBe('x\ny\n')
    expect(patched('x\nx\n\n \n', ...chunk(count))).toBe('x\ny\n\n \n')
    return looks.mock.calls.length
  }
  expect(looksFor(30_000)).toBeLessThan(10)
  expect(looksFor(3)).toBeLessThan(10)
  looks.mockRestore()
})

describe('thousands of chunks in a file of five megabytes', () => {
  const heads = Array.from({ length: 60_000 }, (_, i) => `def f\n  x${i} = "${'y'.repeat(60)}"\n\n`)
  const line = (i: number) => `  x${i} = "${'y'.repeat(60)}"`
  const chunks = (mark: string, loose = '') =>
    Array.from({ length: 2000 }, (_, i) => `${mark}\n-${line(i * 30)}${loose}\n+  z${i}`)

  test.each([
    ['by their lines', chunks('@@')],
    ['with blanks that differ', chunks('@@', ' ')],
    ['below one of very many equal headings', chunks('@@ def f')],
  ])(
    '%s',
    (_, asked) => {
      expect(patched(heads.join(''), ...asked)).toContain('\n  z1999\n')
    },
    20_000,
  )
})

test('what the model is told about the tool stays small', () => {
  const { name, title, description, input, output, annotations } = applyPatch
  const [inputSchema, outputSchema] = [input, output].map((schema) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema)
    return rest
  })
  const listed = JSON.stringify({
    name,
    title,
    description,
    inputSchema,
    outputSchema,
    annotations,
  })
  expect(listed.length).toBeLessThanOrEqual(1800)
})

test('the example in the description is a patch', () => {
  const example = /\*\*\* Begin Patch.*?\*\*\* End Patch/s.exec(applyPatch.description)?.[0] ?? ''
  expect(parsePatch(example).map(({ kind }) => kind)).toEqual(['add', 'update', 'delete'])
})

describe('properties', () => {
  const line = fc.constantFrom('', 'a', 'b', ' a', 'a ', '\t', '\u2019', "'", '*** End Patch', '@@')
  const ending = fc.constantFrom('\n', '\r\n')

  test('a patch made from two texts turns the first into the second', () => {
    const files = fc.array(fc.tuple(line, ending), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(files, fc.array(line, { maxLength: 12 }), (before, after) => {
        const steps = difference(
          before.map(([text]) => text),
          after,
        )
        const text = before.map((pair) => pair.join('')).join('')
        const result = splitLines(
          patched(text, '@@', ...steps.map(({ sign, text }) => sign + text)),
        )
        expect(result.map(({ text }) => text)).toEqual(after)
        const written = steps.filter(({ sign }) => sign !== '-')
        const kept = steps.filter(({ sign }) => sign !== '+')
        result.forEach((made, i) => {
          const step = written[i]
          if (step?.sign === ' ') expect(made.ending).toBe(before[kept.indexOf(step)]?.[1])
          else expect(made.ending).not.toBe('')
        })
      }),
      { numRuns: 2000 },
    )
  })

  test('chunks with a line of context each do the same where lines differ', () => {
    const marks = fc.array(fc.constantFrom('keep', 'change', 'remove', 'add'), { minLength: 1 })
    fc.assert(
      fc.property(marks, fc.boolean(), (all, final) => {
        const old = ['head', ...all.map((_, i) => `line ${i}`)]
        const chunks = all.flatMap((mark, i) => {
          if (mark === 'keep') return []
          const context = i > 0 && all[i - 1] === 'keep' ? [` line ${i - 1}`] : []
          const start = ['@@', ...context]
          if (mark === 'change') return [...start, `-line ${i}`, `+LINE ${i}`]
          return mark === 'remove'
            ? [...start, `-line ${i}`]
            : [...start, ` line ${i}`, `+new ${i}`]
        })
        fc.pre(chunks.length > 0)
        const made = all.flatMap((mark, i) => {
          if (mark === 'remove') return []
          if (mark === 'change') return [`LINE ${i}`]
          return mark === 'add' ? [`line ${i}`, `new ${i}`] : [`line ${i}`]
        })
        const result = patched(old.join('\n') + (final ? '\n' : ''), ...chunks)
        expect(result.replace(/\n$/, '').split('\n')).toEqual(['head', ...made])
      }),
    )
  })

  test('lines are found exactly where they are, once or not at all', () => {
    const few = fc.array(fc.constantFrom<string[]>('a', 'b'), { minLength: 1, maxLength: 14 })
    fc.assert(
      fc.property(few, fc.nat(), fc.integer({ min: 1, max: 6 }), (lines, start, length) => {
        const wanted = lines.slice(start % lines.length, (start % lines.length) + length)
        const at = lines.flatMap((_, i) =>
          wanted.every((line, k) => lines[i + k] === line) ? [i] : [],
        )
        const text = lines.map((line) => `${line}\n`).join('')
        const chunk = ['@@', ...wanted.map((line) => `-${line}`), '+new']
        if (at.length > 1) {
          const numbers = at.slice(0, 10).map((i) => i + 1)
          expect(() => patched(text, ...chunk)).toThrow(`lines ${numbers.join(', ')}`)
          return
        }
        const made = lines.toSpliced(at[0] ?? 0, wanted.length, 'new')
        expect(patched(text, ...chunk)).toBe(made.map((line) => `${line}\n`).join(''))
      }),
      { numRuns: 1000 },
    )
  })

  test('bytes outside a chunk never change', () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))
    fc.assert(
      fc.property(bytes, bytes, ending, (before, after, newline) => {
        const start = before.length === 0 ? before : Buffer.concat([before, Buffer.from('\n')])
        const file = (middle: string) =>
          Buffer.concat([start, Buffer.from(middle + newline), after])
        const text = decodeText(file('<unique \u00e9>'))
        const result = encodeText(patched(text, change('<unique \u00e9>', '<changed \u{1f600}>')))
        expect(result.equals(file('<changed \u{1f600}>'))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('any text is parsed or refused with a line number', () => {
    const header = fc.constantFrom(
      '*** Begin Patch',
      '*** End Patch',
      '*** Add File: a',
      '*** Update File: a',
      '*** Delete File: a',
      '*** Move to: b',
      '*** End of File',
      '@@',
      '@@ x',
    )
    const body = fc.constantFrom(' a', '-a', '+a', '', 'a', '***', "<<'EOF'", 'EOF')
    fc.assert(
      fc.property(fc.array(fc.oneof(header, body), { maxLength: 12 }), (lines) => {
        try {
          parsePatch(['*** Begin Patch', ...lines].join('\n'))
        } catch (error) {
          expect(isSandboxError(error, 'PATCH_INVALID')).toBe(true)
          expect(String(error)).toMatch(/line \d+ of the patch is|the patch ends/)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

interface Step {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/** The steps of a longest common subsequence. */
function difference(before: readonly string[], after: readonly string[]): Step[] {
  const longest = before.map(() => after.map(() => 0))
  const at = (i: number, j: number) => longest[i]?.[j] ?? 0
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = longest[i] ?? []
      row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const steps: Step[] = []
  let [i, j] = [0, 0]
  for (;;) {
    const [old, made] = [before[i], after[j]]
    if (old === undefined && made === undefined) return steps
    if (old !== undefined && old === made) {
      steps.push({ sign: ' ', text: old })
      i += 1
      j += 1
    } else if (made === undefined || (old !== undefined && at(i + 1, j) >= at(i, j + 1))) {
      steps.push({ sign: '-', text: old ?? '' })
      i += 1
    } else {
      steps.push({ sign: '+', text: made })
      j += 1
    }
  }
}
