/** How ssh_config(5) is written: its lines, their words, and the files that `Include` names. */
import { readdirSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { refuseWritable } from './changed-by-others.ts'
import { textOf } from './setting-file.ts'

export interface ConfigLine {
  /** In lower case. */
  readonly key: string
  /** What follows the keyword, as it stands. */
  readonly rest: string
  /** The same as words, without quotes and a comment at the end. */
  readonly values: readonly string[]
}

/** The lines that set something. A file that is not there has none; one that others may change is refused if it `isOwn`. */
export function configLines(file: string, isOwn: boolean): ConfigLine[] {
  return textOf(file, isOwn ? refuseWritable(file) : undefined)
    .split(/\r?\n/)
    .flatMap((line) => {
      const match = /^\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line)
      const [, key = '', rest = ''] = match ?? []
      const values = words(rest)
      return values.length > 0 ? [{ key: key.toLowerCase(), rest, values }] : []
    })
}

/** Quotes of either kind, which may begin within a word; a backslash stands before a quote, itself or a blank. */
function words(rest: string): string[] {
  const values: string[] = []
  const word = /(?:\\["'\\ ]|"(?:\\["'\\]|[^"])*"?|'(?:\\["'\\]|[^'])*'?|[^\s"'])+/g
  for (const [text] of rest.matchAll(word)) {
    if (text.startsWith('#')) break
    values.push(
      text.replace(
        /\\(["'\\ ])|"((?:\\["'\\]|[^"])*)"?|'((?:\\["'\\]|[^'])*)'?/g,
        (_, escaped?: string, double?: string, single?: string) =>
          escaped ?? (double ?? single ?? '').replace(/\\(["'\\])/g, '$1'),
      ),
    )
  }
  return values
}

/** The files that `name` stands for, in order. Relative names are below `folder`, `~/` is `home`. */
export function includedFiles(name: string, home: string, folder: string): string[] {
  const path = name.startsWith('~/') ? join(home, name.slice(2)) : name
  const full = isAbsolute(path) ? path : join(folder, path)
  return full
    .split('/')
    .slice(1)
    .reduce<string[]>((found, part) => found.flatMap((parent) => entries(parent, part)), ['/'])
}

/** The path below `parent` that `part` names, or those that it matches. */
function entries(parent: string, part: string): string[] {
  if (!/[*?[]/.test(part)) return [join(parent, part)]
  try {
    return readdirSync(parent)
      .filter((entry) => !entry.startsWith('.') && matchesGlob(part, entry))
      .sort()
      .map((entry) => join(parent, entry))
  } catch {
    return []
  }
}

/** glob(7). */
function matchesGlob(glob: string, name: string): boolean {
  const expression = glob.replace(/\[[!^]?.[^\]]*\]|./gs, (part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length === 1) return part.replace(/[\\^$.|+(){}[\]]/, '\\$&')
    return part.replaceAll('\\', '\\\\').replace(/^\[!/, '[^')
  })
  try {
    return new RegExp(`^${expression}$`, 's').test(name)
  } catch {
    return false
  }
}
