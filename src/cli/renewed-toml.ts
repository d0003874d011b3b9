/** An entry of ours that is in a TOML file already, with the values it is to have now and all else as it is. Pure. */
import { isDeepStrictEqual } from 'node:util'
import { parse, stringify } from 'smol-toml'
import { isRecord } from './renewed-entry.ts'

type Table = Readonly<Record<string, unknown>>

/**
 * The text with the table at `path` made `wanted`, of which `there` is what it says. A value that changes is
 * written anew, and the lines of others stay. Undefined where the table has no header of its own. Whether the text
 * now says what it should is for the caller to see: a line in a text of many lines may look like a header.
 */
export function renewedToml(
  text: string,
  path: readonly string[],
  there: Table,
  wanted: Table,
): string | undefined {
  const lines = text.split('\n')
  const end = text.includes('\r\n') ? '\r' : ''
  for (const key of new Set([...Object.keys(there), ...Object.keys(wanted)])) {
    const value = wanted[key]
    if (isDeepStrictEqual(there[key], value)) continue
    const inner = [...path, key]
    if (isRecord(value) && sectionOf(lines, inner) !== undefined) {
      const changed = renewedToml(lines.join('\n'), inner, tableOf(there[key]), value)
      if (changed === undefined) return undefined
      lines.splice(0, lines.length, ...changed.split('\n'))
      continue
    }
    const section = sectionOf(lines, path)
    if (section === undefined) return undefined
    const place = placeOf(lines, section, key) ?? { from: section.from, to: section.from }
    const written = value === undefined ? [] : [assignment(key, value) + end]
    lines.splice(place.from, place.to - place.from, ...written)
  }
  return lines.join('\n')
}

/** Lines from one to before another. */
interface Lines {
  readonly from: number
  readonly to: number
}

/** What stands below the header of a table. */
function sectionOf(lines: readonly string[], path: readonly string[]): Lines | undefined {
  const at = lines.findIndex((line) => isDeepStrictEqual(headerOf(line), path))
  if (at < 0) return undefined
  const next = lines.findIndex((line, index) => index > at && headerOf(line) !== undefined)
  return { from: at + 1, to: next < 0 ? lines.length : next }
}

/** The keys that a header such as `[a."b c"]` names; undefined for what is none. */
function headerOf(line: string): string[] | undefined {
  if (!/^\s*\[/.test(line)) return undefined
  const keys: string[] = []
  for (let table = parsed(line); table !== undefined; ) {
    const [key] = Object.keys(table)
    if (key === undefined) return keys
    keys.push(key)
    table = isRecord(table[key]) ? table[key] : {}
  }
  return undefined
}

/** The lines of one value, which may be a list of several lines. */
function placeOf(lines: readonly string[], { from, to }: Lines, key: string): Lines | undefined {
  for (let start = from; start < to; start++) {
    const name = /^\s*("[^"]*"|'[^']*'|[\w-]+)\s*=/.exec(lines[start] ?? '')?.[1]
    if (name?.replace(/^["']|["']$/g, '') !== key) continue
    for (let end = start + 1; end <= to; end++) {
      const value = parsed(lines.slice(start, end).join('\n'))
      if (value !== undefined) return { from: start, to: end }
    }
  }
  return undefined
}

/** A table on one line: where it is put no header may stand. */
function assignment(key: string, value: unknown): string {
  const written = (name: string, one: unknown) => stringify({ [name]: one }).trimEnd()
  if (!isRecord(value)) return written(key, value)
  const members = Object.entries(value).map(([name, one]) => written(name, one))
  return `${written(key, 0).slice(0, -1)}{ ${members.join(', ')} }`
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return parse(text.replace(/\r$/, ''))
  } catch {
    return undefined
  }
}

const tableOf = (value: unknown): Table => (isRecord(value) ? value : {})
