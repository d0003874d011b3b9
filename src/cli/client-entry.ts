/** The entry for a client's file, as text, and the file with it. Pure. */
import { isDeepStrictEqual } from 'node:util'
import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { parse as parseToml, stringify } from 'smol-toml'
import { configInvalid, shown } from '../errors.ts'
import type { Client, Server } from './clients.ts'
import { changesOf, engineOf, isRecord, renewed, startsServer } from './renewed-entry.ts'
import { renewedToml } from './renewed-toml.ts'

/** What a person puts into the file. */
export function snippet(client: Client, server: Server): string {
  const whole = { [client.servers]: { [server.name]: client.entry(server) } }
  switch (client.format) {
    case 'json':
      return JSON.stringify(whole, undefined, 2)
    case 'toml':
      return stringify(whole).trimEnd()
    case 'yaml':
      return yaml(client, server)
  }
}

/**
 * The text of the file with the entry, all else as it is; undefined when it is in it already.
 * `CONFIG_INVALID` for a file that cannot be read as what it should be, and for another server's entry.
 */
export function withEntry(
  client: Client,
  server: Server,
  text: string,
  path: string,
): string | undefined {
  return client.format === 'toml'
    ? withTomlEntry(client, server, text, path)
    : withJsonEntry(client, server, text, path)
}

/** Of a file that `withEntry` has read: the variables of the entry that name an engine, and that the terminal lacks. */
export function keptEngine(client: Client, server: Server, text: string): [string, unknown][] {
  const found: unknown =
    client.format === 'toml' ? parsedToml(text) : parse(text.slice(markIn(text)))
  const { keys } = isRecord(found) ? placeIn(found, client, server) : { keys: [] }
  const entry = own(keys.reduce(own, found), server.name)
  return isRecord(entry) ? engineOf(entry, server.env) : []
}

/** What is JSON is YAML too. */
function yaml({ entry, servers }: Client, server: Server): string {
  const lines = Object.entries(entry(server)).map(
    ([key, value]) => `    ${key}: ${JSON.stringify(value)}`,
  )
  return [`${servers}:`, `  ${server.name}:`, ...lines].join('\n')
}

function withJsonEntry(client: Client, server: Server, text: string, path: string) {
  const [mark, body] = [text.slice(0, markIn(text)), text.slice(markIn(text))]
  const given = body.trim() === '' ? '{}\n' : body
  const read = (json: string): unknown => {
    const errors: ParseError[] = []
    const strict = { disallowComments: true, allowTrailingComma: false }
    const lenient = { disallowComments: false, allowTrailingComma: true }
    const found: unknown = parse(json, errors, client.isLenient ? lenient : strict)
    const [error] = errors
    if (error === undefined) return found
    const line = json.slice(0, error.offset).split('\n').length
    throw unreadable(path, `line ${line}: ${printParseErrorCode(error.error)}`)
  }
  const found = read(given)
  if (!isRecord(found)) throw unreadable(path, `${client.servers} in it is no object`)
  const { keys, value } = placeIn(found, client, server)
  const servers = keys.reduce(own, found)
  if (servers !== undefined && !isRecord(servers))
    throw unreadable(path, `${keys.join('.')} in it is no object`)
  const there = own(servers, server.name)
  const wanted = wantedEntry(there, value, server, path)
  if (wanted === undefined) return undefined
  const indent = /^([ \t]+)"/m.exec(given)?.[1] ?? '  '
  const isTabs = indent.startsWith('\t')
  const formattingOptions = {
    insertSpaces: !isTabs,
    tabSize: isTabs ? 1 : indent.length,
    eol: eolOf(given),
  }
  const after = changesOf(there, wanted, [...keys, server.name]).reduce(
    (text, { path: at, value }) => applyEdits(text, modify(text, at, value, { formattingOptions })),
    given,
  )
  // Of two objects under one key the last counts, and the first is the one that was written to.
  const written = own(keys.reduce(own, read(after)), server.name)
  if (!isDeepStrictEqual(written, plain(wanted))) {
    throw unreadable(path, `${keys.join('.')} is in it more than once`)
  }
  return mark + after
}

/** Under which keys the servers are, and what stands there for one. */
function placeIn(found: object, { servers, entry, nestedEntry }: Client, server: Server) {
  const nested = own(own(found, servers), 'servers')
  // A server may be called so.
  const isServer = isRecord(nested) && ('type' in nested || 'enabled' in nested)
  return nestedEntry !== undefined && isRecord(nested) && !isServer
    ? { keys: [servers, 'servers'], value: nestedEntry(server) }
    : { keys: [servers], value: entry(server) }
}

function withTomlEntry(client: Client, server: Server, text: string, path: string) {
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
  const value = client.entry(server)
  const wanted = wantedEntry(own(servers, server.name), value, server, path)
  if (wanted === undefined) return undefined
  const there = own(servers, server.name)
  const after = isRecord(there)
    ? renewedToml(text, [client.servers, server.name], there, { ...wanted })
    : withTable(text, snippet(client, server))
  // Servers that are written as one value on one line cannot be added to from below.
  const expected = { ...found, [client.servers]: { ...servers, [server.name]: wanted } }
  if (after === undefined || !isDeepStrictEqual(plain(parsedToml(after)), plain(expected))) {
    throw unreadable(path, `${client.servers} in it is written in a way that is not understood`)
  }
  return after
}

function withTable(text: string, table: string): string {
  const eol = eolOf(text)
  const gap = text.trim() === '' ? '' : `${text.replace(/\r?\n?$/, eol)}${eol}`
  return `${gap}${table.replaceAll('\n', eol)}${eol}`
}

function parsedToml(text: string): unknown {
  try {
    return parseToml(text)
  } catch {
    return undefined
  }
}

/** Undefined where nothing has to change; `CONFIG_INVALID` for an entry that starts something else. */
function wantedEntry(there: unknown, value: object, { name }: Server, path: string) {
  if (there === undefined) return value
  if (!isRecord(there) || !startsServer(there)) {
    throw configInvalid(
      `${shown(path)} has a server ${shown(name)} already, and it is another one`,
      'Give --name another name.',
    )
  }
  const wanted = renewed(there, { ...value })
  return isDeepStrictEqual(plain(there), plain(wanted)) ? undefined : wanted
}

/** How long the mark is that editors on Windows begin files with. */
const markIn = (text: string) => (text.startsWith('\ufeff') ? 1 : 0)

const eolOf = (text: string) => (text.includes('\r\n') ? '\r\n' : '\n')

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

/** What an object says itself: a server may be called as what all objects have. */
const own = (value: unknown, key: string): unknown =>
  isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined

const unreadable = (path: string, why: string) =>
  configInvalid(
    `${shown(path)} was not changed: it cannot be read (${why})`,
    'Correct it, or put the snippet into it by hand: leave --write out to see it.',
  )
