/**
 * Small trees of text files, and patches for them: most apply, many nearly do, some are broken. All
 * is built from flat choices, so that a failing case shrinks to a few lines.
 */
import fc from 'fast-check'
import { encodeText } from '../../src/tools/byte-text.ts'

export interface PatchCase {
  /** As `contentsOf` gives them: path to bytes, an executable file's path ends in `*`. */
  readonly files: Readonly<Record<string, string>>
  readonly patch: string
}

/** Few, so that they repeat; each group differs only in what one level of matching tolerates. */
const texts = [
  ['a', 'a ', ' a', 'b', 'c', '', '   ', 'def f():', 'class A:', '    x = 1', '    return x'],
  ['it\u2019s \u201cso\u201d \u2013 \u00e9', 'it\'s "so" - \u00e9', '\u{1f600}', '\tb'],
  ['@@', '@@ a', '*** End Patch', '*** End of File', '+', '-a', 'wait\u2026'],
  ['\u0085a', 'one\u00a0two', 'one two'],
]
const text = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...(texts[0] as string[])) },
  { weight: 12, arbitrary: fc.nat(60).map((n) => `line ${n}`) },
  { weight: 2, arbitrary: fc.constantFrom(...(texts[1] as string[])) },
  { weight: 1, arbitrary: fc.constantFrom(...(texts[2] as string[])) },
  { weight: 1, arbitrary: fc.constantFrom(...(texts[3] as string[])) },
)

const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 10, arbitrary: fc.constant(usual) }, fc.constantFrom(...others))

const file = fc.record({
  lines: fc.oneof(
    { weight: 12, arbitrary: fc.array(text, { maxLength: 14 }) },
    {
      weight: 3,
      arbitrary: fc.array(fc.constantFrom<string>('a', 'b', '', ' ', '  a'), { maxLength: 8 }),
    },
    { weight: 1, arbitrary: fc.constant<string[]>([]) },
  ),
  endings: often<string[]>(['\n'], ['\r\n'], ['\n', '\r\n'], ['\r\n', '\n', '\n']),
  final: often(true, false),
  start: often('', '\ufeff'),
  strange: often('', '\udce9', '\0'),
  executable: often(false, true),
})
type File = typeof file extends fc.Arbitrary<infer T> ? T : never

const paths = ['a', 'b.txt', 'd/c', 'd/e/\u00fc', 'new', 'd/new', 'x y']

const chunk = fc.record({
  /** How many lines after the chunk before. */
  gap: fc.nat(5),
  removed: fc.constantFrom(0, 1, 1, 1, 2, 3),
  before: fc.constantFrom(0, 1, 1, 2, 3),
  after: fc.constantFrom(0, 1, 1, 2),
  /** How many lines of the chunk before are context of this one too. */
  overlap: often(0, 1, 2),
  added: fc.array(text, { maxLength: 2 }),
  mark: fc.oneof(
    often('@@', 'none', '@@ -1,2 +1,2 @@', 'twice', 'apart'),
    often('heading', 'two headings', 'headings apart'),
  ),
  loose: fc.oneof(
    often('exact', 'wrong'),
    often(
      'exact',
      ...['trailing', 'indent', 'ascii', 'typographic', 'blank', 'two blanks', 'bare', 'blanks'],
    ),
  ),
  atEnd: often(false, true),
})
type Chunk = typeof chunk extends fc.Arbitrary<infer T> ? T : never

const operation = fc.record({
  kind: fc.oneof(often('update', 'move'), often('update', 'add', 'delete', 'rename', 'replace')),
  /** Whether it is about a file of the kind that the operation wants. */
  fits: often(true, false),
  path: fc.nat(),
  to: fc.nat(),
  lines: fc.array(text, { maxLength: 3 }),
  chunks: fc.array(chunk, { minLength: 1, maxLength: 3 }),
  inOrder: often(true, false),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

const fault = fc.record({
  kind: fc.constantFrom(
    ...['drop', 'twice', 'blank', 'unsigned', 'padded', 'spaced', 'outside'],
    ...['above', 'spaces', 'tab', 'end', 'mark', 'heading', 'indented', 'inside', 'nbsp'],
  ),
  at: fc.nat(),
})
const faults = fc.oneof(
  { weight: 4, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fault, { minLength: 1, maxLength: 2 }) },
)
const wrapping = often(
  'none',
  ...['heredoc', 'double', 'bare', 'command', 'crlf', 'mixed', 'blank', 'indented', 'fence', 'cut'],
)

export const patchCases: fc.Arbitrary<PatchCase> = fc
  .record({
    files: fc.dictionary(fc.constantFrom(...paths.slice(0, 4)), file, { minKeys: 1, maxKeys: 3 }),
    operations: fc.array(operation, { minLength: 1, maxLength: 3 }),
    faults,
    wrapping,
  })
  .map(({ files, operations, faults, wrapping }) => {
    const there = new Map(Object.entries(files))
    const lines = operations.flatMap((operation) => write(operation, there))
    for (const { kind, at } of faults) spoil(lines, kind, at % lines.length)
    const whole = ['*** Begin Patch', ...lines, '*** End Patch']
    return {
      files: Object.fromEntries(
        Object.entries(files).map(([path, content]) => [
          content.executable ? `${path}*` : path,
          bytesOf(content).toString('latin1'),
        ]),
      ),
      patch: wrap(whole, wrapping),
    }
  })

function bytesOf({ lines, endings, final, start, strange }: File): Buffer {
  const all = lines.map((line, i) => {
    const last = i === lines.length - 1
    return line + (last && !final ? '' : (endings[i % endings.length] ?? '\n'))
  })
  if (strange !== '') all.splice(lines.length >> 1, 0, `caf${strange}\n`)
  return encodeText(start + all.join(''))
}

function write(operation: Operation, there: Map<string, File>): string[] {
  const { fits, chunks, inOrder } = operation
  const known = [...there.keys()]
  const kind = known.length === 0 ? 'add' : operation.kind
  const free = paths.filter((path) => !there.has(path))
  const wants = kind === 'add' ? [free, known] : [known, free]
  const from = pick(wants[fits ? 0 : 1], operation.path) ?? pick(wants[0], operation.path) ?? 'a'
  const target = pick(fits ? [from, ...free] : paths, operation.to) ?? 'new'
  const file = there.get(from)
  if (kind === 'add') {
    return [`*** Add File: ${from}`, ...operation.lines.map((line) => `+${line}`)]
  }
  there.delete(from)
  if (kind === 'delete') return [`*** Delete File: ${from}`]
  if (kind === 'replace') {
    const added = operation.lines.map((line) => `+${line}`)
    return [`*** Delete File: ${from}`, `*** Add File: ${from}`, ...added]
  }
  const head = [`*** Update File: ${from}`]
  if (kind !== 'update') head.push(`*** Move to: ${target}`)
  if (kind === 'rename') return head
  const lines = file?.lines ?? ['nothing']
  let next = 0
  const written = chunks.map((one, i) => {
    const start = Math.min(next + one.gap, lines.length)
    const { text, end } = writeChunk(one, lines, next, start, i === 0)
    next = end
    return text
  })
  return [...head, ...(inOrder ? written : written.toReversed()).flat()]
}

/** A change at line `start`, with context as far up as `from`. */
function writeChunk(
  chunk: Chunk,
  lines: readonly string[],
  from: number,
  start: number,
  first: boolean,
) {
  const end = chunk.atEnd ? lines.length : Math.min(start + chunk.removed, lines.length)
  const tail = chunk.atEnd ? [] : lines.slice(end, end + chunk.after)
  const old = (line: string) => loosened(line, chunk.loose)
  const top = Math.max(from - chunk.overlap, start - chunk.before, 0)
  const before = lines.slice(top, start)
  const above = lines.slice(from, top).filter((line) => line !== '')
  const heading = above.findLast((line) => !line.startsWith(' ')) ?? above.at(-1)
  const marks: Record<string, string[]> = {
    none: first ? [] : ['@@'],
    heading: [heading === undefined ? '@@' : `@@ ${heading}`],
    twice: ['@@', '@@'],
    apart: ['@@', '', '@@'],
    'headings apart': [`@@ ${above[0] ?? 'a'}`, '', '', `@@ ${heading ?? 'a'}`],
    'two headings': [`@@ ${above[0] ?? 'a'}`, `@@ ${heading ?? 'a'}`],
  }
  const body = [
    ...before.map((line) => ` ${old(line)}`),
    ...lines.slice(start, end).map((line) => `-${old(line)}`),
    ...chunk.added.map((line) => `+${line}`),
    ...tail.map((line) => ` ${old(line)}`),
  ]
  const text = [
    ...(marks[chunk.mark] ?? [chunk.mark]),
    ...(chunk.loose === 'bare' ? body.map((line) => (line === ' ' ? '' : line)) : body),
    ...(chunk.loose === 'blank' ? [''] : []),
    ...(chunk.loose === 'two blanks' ? [' ', ''] : []),
    ...(chunk.loose === 'blanks' ? ['+', '-'] : []),
    ...(chunk.atEnd ? ['*** End of File'] : []),
  ]
  return { text: body.length === 0 ? [] : text, end: end + tail.length }
}

function loosened(line: string, how: string): string {
  if (how === 'trailing') return `${line}  `
  if (how === 'indent') return `  ${line}`
  if (how === 'typographic') {
    return line.replaceAll(' ', '\u00a0').replaceAll("'", '\u2019').replaceAll('-', '\u2011')
  }
  if (how === 'wrong') return `${line}?`
  if (how === 'ascii') return line.replace(/[\u2018\u2019]/g, "'").replace(/[\u2013\u2014]/g, '-')
  return line
}

function spoil(lines: string[], kind: string, at: number): void {
  const line = lines[at] ?? ''
  const made: Record<string, string[]> = {
    drop: [],
    twice: [line, line],
    blank: [line, ''],
    above: ['', line],
    spaces: [line, '   '],
    tab: [line, ' \t'],
    end: [line, '*** End of File'],
    mark: [line, '@@'],
    heading: [line, '@@ a'],
    indented: [`  ${line}`],
    // Only where the reference finds nothing: it writes wherever it is told to.
    inside: [line.replace(/^(\*\*\* (?:Update|Delete) File: )/, '$1/workspace/')],
    nbsp: [line.replace(/^(\S)\s*$/, '$1\u00a0')],
    unsigned: [line.slice(1)],
    padded: [`${line}  `],
    spaced: [line.replace(/(File|to): /, '$1:  ')],
    outside: [line.replace(/(File|to): /, '$1: ../')],
  }
  lines.splice(at, 1, ...(made[kind] ?? []))
}

function wrap(lines: readonly string[], how: string): string {
  const patch = lines.join('\n')
  if (how === 'heredoc') return `<<'EOF'\n${patch}\nEOF\n`
  if (how === 'double') return `<<"EOF"\n${patch}\nEOF`
  if (how === 'bare') return `<<EOF\n${patch}\nEOF\n`
  if (how === 'mixed') return lines.map((line, i) => `${line}${i % 3 ? '\n' : '\r\n'}`).join('')
  if (how === 'indented') return lines.map((line) => `  ${line}`).join('\n')
  if (how === 'fence') return `\`\`\`diff\n${patch}\n\`\`\``
  if (how === 'cut') return lines.slice(0, -1).join('\n')
  if (how === 'command') return `apply_patch <<'EOF'\n${patch}\nEOF`
  if (how === 'crlf') return `${lines.join('\r\n')}\r\n`
  return how === 'blank' ? `\n${patch}\n\n` : patch
}

function pick<T>(items: readonly T[] | undefined, at: number): T | undefined {
  return items?.[at % items.length]
}
