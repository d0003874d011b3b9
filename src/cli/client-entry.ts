/** The entry for a client's file, as text, and the file with it. Pure. */
import { isDeepStrictEqual } from 'node:util'
import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { parse as parseToml, stringify } from 'smol-toml'
import { configInvalid, shown } from '../errors.ts'
import { type Client, isServerCommand } from './clients.ts'

export interface Entry {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

/** What a person puts into the file. */
export function snippet(client: Client, entry: Entry): string {
  const whole = { [client.servers]: { [entry.name]: entryValue(client, entry) } }
  switch (client.format) {
    case 'json':
      return JSON.stringify(whole, undefined, 2)
    case 'toml':
      return stringify(whole).trimEnd()
    case 'yaml':
      return yaml(client, entry)
  }
}

/**
 * The text of the file with the entry, all else as it is; undefined when it is in it already.
 * `CONFIG_INVALID` for a file that cannot be read as what it should be, and for another server's entry.
 */
export function withEntry(
  client: Client,
  entry: Entry,
  text: string,
  path: string,
): string | undefined {
  return client.format === 'toml'
    ? withTomlEntry(client, entry, text, path)
    : withJsonEntry(client, entry, text, path)
}

function entryValue({ extra, format }: Client, { command, args }: Entry) {
  return { ...extra, command, args, ...(format === 'json' ? { env: {} } : {}) }
}

/** In Goose's words. What is JSON is YAML too. */
function yaml({ extra, servers }: Client, { name, command, args }: Entry): string {
  const fields = Object.entries({ name, ...extra, cmd: command, args })
  const lines = fields.map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`)
  return [`${servers}:`, `  ${name}:`, ...lines].join('\n')
}

function withJsonEntry(client: Client, entry: Entry, text: string, path: string) {
  // Editors on Windows begin files with it.
  const [, mark = '', body = ''] = /^(\ufeff?)(.*)$/s.exec(text) ?? []
  const given = body.trim() === '' ? '{}\n' : body
  const errors: ParseError[] = []
  const strict = { disallowComments: true, allowTrailingComma: false }
  const lenient = { disallowComments: false, allowTrailingComma: true }
  const found: unknown = parse(given, errors, client.isLenient ? lenient : strict)
  const [error] = errors
  if (error !== undefined) {
    const line = given.slice(0, error.offset).split('\n').length
    throw unreadable(path, `line ${line}: ${printParseErrorCode(error.error)}`)
  }
  const servers = isRecord(found) ? (found[client.servers] ?? {}) : undefined
  if (!isRecord(servers)) throw unreadable(path, `${client.servers} in it is no object`)
  const value = entryValue(client, entry)
  if (isThere(servers[entry.name], value, entry, path)) return undefined
  const indent = /^([ \t]+)"/m.exec(given)?.[1] ?? '  '
  const isTabs = indent.startsWith('\t')
  const edits = modify(given, [client.servers, entry.name], value, {
    formattingOptions: {
      insertSpaces: !isTabs,
      tabSize: isTabs ? 1 : indent.length,
      eol: given.includes('\r\n') ? '\r\n' : '\n',
    },
  })
  return mark + applyEdits(given, edits)
}

function withTomlEntry(client: Client, entry: Entry, text: string, path: string) {
  const read = (toml: string) => {
    try {
      return parseToml(toml) as Record<string, unknown>
    } catch (error) {
      throw unreadable(path, (error as Error).message.split('\n')[0] ?? '')
    }
  }
  const found = read(text)
  const servers = found[client.servers] ?? {}
  if (!isRecord(servers)) throw unreadable(path, `${client.servers} in it is no table`)
  const value = entryValue(client, entry)
  const there = servers[entry.name]
  if (isThere(there, value, entry, path)) return undefined
  if (there !== undefined) {
    throw configInvalid(
      `${shown(path)} has another ${client.servers}.${entry.name} already`,
      `Replace it yourself, or give --name another one.`,
    )
  }
  const gap = text.trim() === '' ? '' : `${text.replace(/\r?\n?$/, '\n')}\n`
  const after = `${gap}${snippet(client, entry)}\n`
  // Servers that are written as one value on one line cannot be added to from below.
  const expected = { ...found, [client.servers]: { ...servers, [entry.name]: value } }
  if (!isDeepStrictEqual(plain(read(after)), plain(expected))) {
    throw unreadable(path, `${client.servers} in it is written in a way that is not understood`)
  }
  return after
}

/** True for the same entry; `CONFIG_INVALID` for one that starts something else. */
function isThere(there: unknown, value: object, { name }: Entry, path: string): boolean {
  if (there === undefined) return false
  if (isDeepStrictEqual(plain(there), plain(value))) return true
  if (isRecord(there) && Array.isArray(there.args) && isServerCommand(there.args)) return false
  throw configInvalid(
    `${shown(path)} has a server ${shown(name)} already, and it is another one`,
    'Give --name another name.',
  )
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const unreadable = (path: string, why: string) =>
  configInvalid(
    `${shown(path)} was not changed: it cannot be read (${why})`,
    'Correct it, or put the snippet into it by hand: leave --write out to see it.',
  )
