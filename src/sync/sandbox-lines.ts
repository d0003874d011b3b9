/** The lines in which a sandbox tells what it holds, as the scripts of a scan have them printed. */

import { Pace, type Steps } from './slices.ts'

/** Those of `bytes`. Of a large sandbox there are more bytes than one string can hold: each line is made one. */
export function* linesOf(bytes: Buffer): Steps<string[]> {
  const pace = new Pace()
  const lines: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, at)
    const end = newline < 0 ? bytes.length : newline
    lines.push(bytes.toString('utf8', at, end))
    at = end + 1
    if (pace.isDue) yield
  }
  return lines
}

/** What a line is about. Keys sort directories before what is in them, and notes behind theirs. */
export function placeOf(line: string): { key: string; path: string } {
  const start = line.indexOf(' ./')
  const path = line.slice(start + 3)
  if (!isNote(line)) return { key: path, path }
  const directory = path.slice(0, -1)
  return { key: `${directory}/${line.slice(0, start)}`, path: directory }
}

/** Whether a line is about what is in a directory that it names. */
export function isNote(line: string): boolean {
  return line.startsWith('! ') || line.startsWith('? ')
}

export interface Facts {
  readonly kind: 'file' | 'link' | 'directory' | 'other'
  readonly executable: boolean
  /** Seconds of the ctime, with their fraction where the tools tell it. */
  readonly changed: number
}

export function factsOf(line: string): Facts | undefined {
  // Of each line of a large sandbox: to take a match apart as a list costs more than to make it.
  const byFind = /^(\w) ([0-7]+) \d+ \d+ (-?[\d.]+)/.exec(line)
  if (byFind !== null) {
    const kind = ({ f: 'file', l: 'link', d: 'directory' } as const)[byFind[1] ?? ''] ?? 'other'
    const mode = Number.parseInt(byFind[2] ?? '', 8)
    return { kind, executable: hasExecuteBit(mode), changed: Number(byFind[3]) }
  }
  const [, mode, changed] = /^([0-9a-f]+) \d+ \d+ (-?\d+)/.exec(line) ?? []
  if (mode === undefined) return undefined
  const bits = Number.parseInt(mode, 16)
  const kind = ({ 8: 'file', 10: 'link', 4: 'directory' } as const)[bits >> 12] ?? 'other'
  return { kind, executable: hasExecuteBit(bits), changed: Number(changed) }
}

/** Whether a line is about a file. */
export function isFile(line: string): boolean {
  return line.startsWith('f ') || factsOf(line)?.kind === 'file'
}

/** Bytes of the file that a line is about; 0 where it tells none. */
export function sizeOf(line: string): number {
  return Number(/^(?:\w [0-7]+|[0-9a-f]{2,}) (\d+) /.exec(line)?.[1] ?? 0)
}

function hasExecuteBit(mode: number): boolean {
  return (mode & 0o111) !== 0
}

/** What `sha256sum` prints, by path. */
export function* readDigests(lines: Iterable<string>): Steps<Map<string, string>> {
  const pace = new Pace()
  const digests = new Map<string, string>()
  for (const line of lines) {
    if (pace.isDue) yield
    const [, escaped, digest = '', name = ''] = /^(\\?)([0-9a-f]{64})..\.\/(.*)$/s.exec(line) ?? []
    if (digest !== '') digests.set(escaped ? unescaped(name) : name, digest)
  }
  return digests
}

/** GNU writes a backslash before the digest where it escapes the name. */
function unescaped(name: string): string {
  return name.replace(/\\([\\nr])/g, (_, char) =>
    char === 'n' ? '\n' : char === 'r' ? '\r' : '\\',
  )
}

/** Pairs of a link and where it leads. */
export function readTargets(words: readonly string[]): Map<string, string> {
  const targets = new Map<string, string>()
  for (let i = 0; i + 1 < words.length; i += 2) {
    targets.set((words[i] ?? '').slice(2), words[i + 1] ?? '')
  }
  return targets
}
