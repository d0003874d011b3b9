/** An entry of ours that is in a client's file already, as it is to be now. Pure. */
import { isDeepStrictEqual } from 'node:util'
import { engineVariables } from './clients.ts'

type Entry = Readonly<Record<string, unknown>>

/**
 * What a person put into `there` stays: options behind the program, another node before it, variables, how long to
 * wait. From `fresh`, which is written where there is none, come the program, the workspace, and what is not there yet.
 */
export function renewed(there: Entry, fresh: Entry): Entry {
  const merged: Record<string, unknown> = { ...fresh, ...there }
  for (const [key, value] of Object.entries(fresh)) {
    const given = there[key]
    if (!isRecord(value)) continue
    if (key !== 'timeout') {
      merged[key] = isRecord(given) ? { ...withoutEngine(given, value), ...value } : value
    } else if (isRecord(given)) merged[key] = { ...value, ...given }
  }
  const line = renewedLine(lineOf(there), lineOf(fresh))
  const [command, ...args] = line
  return Array.isArray(fresh.command) ? { ...merged, command: line } : { ...merged, command, args }
}

/** Variables: where the terminal names an engine, nothing stays that would name another one. */
function withoutEngine(given: Entry, now: Entry): Entry {
  if (!('DOCKER_HOST' in now || 'DOCKER_CONTEXT' in now)) return given
  const engine: readonly string[] = engineVariables
  return Object.fromEntries(Object.entries(given).filter(([name]) => !engine.includes(name)))
}

/** What `entry` says of an engine that the terminal, with the variables `now`, says nothing of. */
export const engineOf = (entry: Entry, now: Entry): [string, unknown][] =>
  Object.entries(entry)
    .filter(([key]) => key !== 'timeout')
    .flatMap(([, value]) => (isRecord(value) ? Object.entries(value) : []))
    .filter(([name]) => engineVariables.includes(name) && !(name in now))

/** Whether that starts this server, however it is installed. */
export const startsServer = (entry: unknown): boolean =>
  isRecord(entry) && lineOf(entry).some(isServer)

/** Of what has to change in `there` for it to become `wanted`: the smallest parts, so that comments beside them stay. */
export function changesOf(
  there: unknown,
  wanted: unknown,
  path: readonly (string | number)[] = [],
): { path: (string | number)[]; value: unknown }[] {
  if (isDeepStrictEqual(there, wanted)) return []
  if (isRecord(there) && isRecord(wanted)) {
    return [...new Set([...Object.keys(there), ...Object.keys(wanted)])].flatMap((key) => {
      const own = (value: Entry) => (Object.hasOwn(value, key) ? value[key] : undefined)
      return changesOf(own(there), own(wanted), [...path, key])
    })
  }
  if (Array.isArray(there) && Array.isArray(wanted) && there.length === wanted.length) {
    return wanted.flatMap((value, at) => changesOf(there[at], value, [...path, at]))
  }
  return [{ path: [...path], value: wanted }]
}

const lineOf = ({ command, args }: Entry): unknown[] =>
  [command, args].flat().filter((word) => word !== undefined)

const isServer = (word: unknown) => isName(word) || /[\\/]dist[\\/]main\.js$/.test(String(word))

/** The package's, which npm looks up. */
const isName = (word: unknown) => word === 'sandbox-mcp'

function renewedLine(there: readonly unknown[], fresh: readonly unknown[]): unknown[] {
  const [at, freshAt] = [there.findIndex(isServer), fresh.findIndex(isServer)]
  const isSameKind = at > 0 && isName(there[at]) === isName(fresh[freshAt])
  const before = (isSameKind ? there.slice(0, at) : fresh.slice(0, freshAt)) as unknown[]
  const options = there.slice(at + 1)
  const workspace = String(fresh.at(-1))
  const isGiven = options.some((word) => /^--workspace(=|$)/.test(String(word)))
  const kept = options.map((word, index) => {
    if (options[index - 1] === '--workspace') return workspace
    return String(word).startsWith('--workspace=') ? `--workspace=${workspace}` : word
  })
  return [...before, fresh[freshAt], ...(isGiven ? [] : fresh.slice(freshAt + 1)), ...kept]
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
