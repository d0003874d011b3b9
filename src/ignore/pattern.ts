/**
 * One pattern of a `.gitignore` file, read and matched as git does, byte by byte. A workspace is not
 * trusted: matching keeps two places to go back to and no more, so that no pattern is slow for long.
 */

/** A path as these patterns see it: one character per byte of its UTF-8. */
export type ByteText = string

export const byteText = (text: string): ByteText =>
  isAscii.test(text) ? text : Buffer.from(text).toString('latin1')

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what ASCII is
const isAscii = /^[\x00-\x7f]*$/

export interface IgnorePattern {
  /** Takes back what an earlier pattern left out. */
  readonly negated: boolean
  readonly directoryOnly: boolean
  /** Whether it is about the last name only, or about the path from the file's own directory on. */
  readonly nameOnly: boolean
  readonly tokens: readonly Token[]
}

/** Matches one byte of a set, any run within a name, any run of whole directories, or all the rest. */
type Token = number | Uint8Array | 'run' | 'directories' | 'rest'

const slash = 0x2f

/** Undefined for a comment, a blank line, and a pattern that is broken and so matches nothing. */
export function parseIgnoreLine(line: ByteText): IgnorePattern | undefined {
  if (line.startsWith('#')) return undefined
  let glob = withoutTrailingSpaces(line.endsWith('\r') ? line.slice(0, -1) : line)
  const negated = glob.startsWith('!')
  if (negated) glob = glob.slice(1)
  const directoryOnly = glob.endsWith('/')
  if (directoryOnly) glob = glob.slice(0, -1)
  const nameOnly = !glob.includes('/')
  if (glob.startsWith('/')) glob = glob.slice(1)
  if (glob === '') return undefined
  const tokens = tokensOf(glob, nameOnly)
  return tokens && { negated, directoryOnly, nameOnly, tokens }
}

/** Whether the whole of `text`, a name or a relative path, fits. */
export function matches(tokens: readonly Token[], text: ByteText): boolean {
  let at = 0
  let next = 0
  let run = { next: -1, at: 0 }
  let directories = { next: -1, at: 0 }
  for (;;) {
    const token = tokens[next]
    if (token === 'rest') return true
    if (token === 'run') {
      run = { next: ++next, at }
      continue
    }
    if (token === 'directories') {
      directories = { next: ++next, at }
      run.next = -1
      continue
    }
    if (token === undefined ? at === text.length : fits(token, text.charCodeAt(at))) {
      if (token === undefined) return true
      at++
      next++
      continue
    }
    // A run never crosses a slash, so an earlier one cannot fit better than the latest.
    if (run.next >= 0 && run.at < text.length && text.charCodeAt(run.at) !== slash) {
      at = ++run.at
      next = run.next
      continue
    }
    const end = directories.next < 0 ? -1 : text.indexOf('/', directories.at)
    if (end < 0) return false
    at = directories.at = end + 1
    next = directories.next
    run.next = -1
  }
}

/** `byte` is NaN beyond the end, which nothing fits. */
function fits(token: number | Uint8Array, byte: number): boolean {
  return typeof token === 'number' ? token === byte : token[byte] === 1
}

/** A backslash keeps the space after it; other white space than spaces stays. */
function withoutTrailingSpaces(line: ByteText): ByteText {
  let end = line.length
  while (end > 0 && line[end - 1] === ' ') end--
  let backslashes = 0
  while (line[end - 1 - backslashes] === '\\') backslashes++
  return line.slice(0, end < line.length && backslashes % 2 === 1 ? end + 1 : end)
}

function tokensOf(glob: ByteText, nameOnly: boolean): Token[] | undefined {
  const tokens: Token[] = []
  // As git compares what is plain before it begins to match, two stars that follow that begin a name.
  const plain = nameOnly ? 0 : glob.search(/[*?[\\]|$/)
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at]
    if (char === '\\') {
      if (++at === glob.length) return undefined
      tokens.push(glob.charCodeAt(at))
    } else if (char === '?') {
      tokens.push(setOf((byte) => byte !== slash))
    } else if (char === '[') {
      const set = readSet(glob, at)
      if (set === undefined) return undefined
      tokens.push(set.bytes)
      at = set.end
    } else if (char === '*') {
      const start = at
      while (glob[at + 1] === '*') at++
      const wide = at > start && (start === plain || glob[start - 1] === '/')
      if (wide && at + 1 === glob.length) tokens.push('rest')
      else if (wide && glob[at + 1] === '/') {
        tokens.push('directories')
        at++
      } else tokens.push('run')
    } else {
      tokens.push(glob.charCodeAt(at))
    }
  }
  return tokens
}

function setOf(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0))
}

const classes: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class is made of them
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t-\r]/,
  upper: /[A-Z]/,
  xdigit: /[A-Fa-f0-9]/,
}

/** The bracket expression at `start`, and where its `]` is; undefined if it is broken. */
function readSet(glob: ByteText, start: number): { bytes: Uint8Array; end: number } | undefined {
  const member = new Uint8Array(256)
  let at = start + 1
  const negated = glob[at] === '!' || glob[at] === '^'
  if (negated) at++
  let previous = -1
  for (let first = true; first || glob[at] !== ']'; first = false, at++) {
    if (at >= glob.length) return undefined
    const named = glob[at] === '[' && glob[at + 1] === ':' ? readClass(glob, at) : undefined
    if (named === 'broken') return undefined
    if (named !== undefined) {
      for (let byte = 0; byte < 256; byte++) {
        if (named.test(String.fromCharCode(byte))) member[byte] = 1
      }
      at = glob.indexOf(']', at + 2)
      previous = -1
      continue
    }
    const ranged = glob[at] === '-' && previous >= 0 && at + 1 < glob.length && glob[at + 1] !== ']'
    if (ranged) at++
    if (glob[at] === '\\' && ++at >= glob.length) return undefined
    const byte = glob.charCodeAt(at)
    for (let one = ranged ? previous : byte; one <= byte; one++) member[one] = 1
    previous = ranged ? -1 : byte
  }
  return { bytes: setOf((byte) => byte !== slash && (member[byte] === 1) !== negated), end: at }
}

/** Undefined when `[:` is no class but a set's own characters. */
function readClass(glob: ByteText, at: number): RegExp | 'broken' | undefined {
  const end = glob.indexOf(']', at + 2)
  if (end < 0) return 'broken'
  if (glob[end - 1] !== ':' || end - 1 < at + 2) return undefined
  return classes[glob.slice(at + 2, end - 1)] ?? 'broken'
}
