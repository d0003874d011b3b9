/** Judges what a person wrote against the schema. All problems at once; secrets are never shown. */
import type { z } from 'zod'
import { shown } from '../errors.ts'
import { nearestWord } from './nearest-word.ts'
import { type Path, type Problem, pathText, valueAt } from './problem.ts'
import { isSecret, resolveReferences } from './references.ts'
import { type ConfigFile, configFile } from './schema/file.ts'
import { elementOf, fieldsOf, fieldsWithin, noteOf, schemaAt, typeWords } from './schema/words.ts'

export interface Checked {
  /** What was given, where nothing is wrong with it. */
  readonly config: ConfigFile | undefined
  readonly problems: readonly Problem[]
  /** What has no effect, and why. */
  readonly warnings: readonly Problem[]
}

/** `written` is what stands in a file, or what `--set` comes to. Never throws. */
export function checkConfig(written: unknown, env: NodeJS.ProcessEnv): Checked {
  const referred = resolveReferences(written, env, isOurs)
  const secret = (path: Path) => isSecret(path) || referred.taken.has(JSON.stringify(path))
  const parsed = configFile.safeParse(referred.value)
  const issues = parsed.success ? [] : parsed.error.issues
  return {
    config: parsed.success ? parsed.data : undefined,
    problems: [
      ...referred.problems,
      ...issues.flatMap((issue) => problemsOf(issue, written, secret)),
    ],
    warnings: withoutEffect(configFile, written, []),
  }
}

/** `*` is any agent. Parts, not text: an agent's id may hold dots. */
const ourParts = [
  'agents.defaults.workspace',
  'agents.defaults.sandbox',
  ...['entries', 'list'].flatMap((kind) =>
    ['workspace', 'sandbox', 'tools.sandbox'].map((part) => `agents.${kind}.*.${part}`),
  ),
  'tools.sandbox',
  'plugins.entries.openshell.config',
  'plugins.entries.openshell.enabled',
].map((place) => place.split('.'))

/** The parts of a file in which all is ours, and everything is checked. */
export function isOurs(path: Path): boolean {
  return ourParts.some((parts) => parts.every((part, at) => part === '*' || part === path[at]))
}

/** Also what they are in: `agents`. */
export function holdsOurs(path: Path): boolean {
  return ourParts.some((parts) =>
    parts.every((part, at) => at >= path.length || part === '*' || part === path[at]),
  )
}

function problemsOf(
  issue: z.core.$ZodIssue,
  written: unknown,
  secret: (path: Path) => boolean,
): Problem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  const name = nameAt(path)
  const value = valueAt(written, path)
  const say = (what: string): Problem[] => [{ what, path }]
  const sayNot = (what: string) =>
    say(
      what.startsWith('must be ')
        ? `${name} ${what}, not ${inWords(value, secret(path))}`
        : `${name} ${what}`,
    )
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ what: unknownKey(key, path), path: [...path, key] }))
    case 'invalid_type':
    case 'invalid_value':
    case 'invalid_union': {
      const inside = issue.code === 'invalid_union' ? issuesInside(issue) : []
      if (inside.length > 0) return inside.flatMap((one) => problemsOf(one, written, secret))
      const schema = schemaAt(configFile, path)
      if (value === undefined) return say(`${name} is missing`)
      // zod's own messages begin with a capital; others are ours, and say more.
      if (schema === undefined || !issue.message.startsWith('Invalid')) {
        return sayNot(issue.message)
      }
      return say(`${name} must be ${typeWords(schema)}, not ${inWords(value, secret(path))}`)
    }
    case 'invalid_key':
      return say(`${shown(name)} ${issue.issues[0]?.message ?? issue.message}`)
    case 'too_small':
      return issue.origin === 'string'
        ? say(`${name} must not be empty`)
        : sayNot(`must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`)
    case 'too_big':
      return sayNot(`must be at most ${issue.maximum}`)
    default:
      return sayNot(issue.message)
  }
}

/** What a message calls a value: its key, and its place in a list. */
function nameAt(path: Path): string {
  const last = path.at(-1) ?? 'the file'
  return typeof last === 'number' ? `${path.at(-2)}[${last}]` : last
}

/** What is wrong in a value that has the type of one of the alternatives. */
function issuesInside({ errors, path }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] {
  const meant = errors.find((issues) =>
    issues.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys'),
  )
  return (meant ?? []).map((issue) => ({ ...issue, path: [...path, ...issue.path] }))
}

function unknownKey(key: string, path: Path): string {
  const known = Object.keys(fieldsWithin(schemaAt(configFile, path) ?? configFile) ?? {})
  const near = nearestWord(key, known)
  const place = near === undefined ? placeOf(key) : undefined
  const hint =
    near !== undefined
      ? `; did you mean ${shown(near)}?`
      : place !== undefined
        ? `; it belongs in ${place}`
        : `; there are ${known.join(', ')}`
  return `there is no setting ${shown(key)} here${hint}`
}

/** Where a setting of this name would be right. */
export function placeOf(key: string): string | undefined {
  const places: readonly Path[] = [
    ['agents', 'defaults'],
    ['agents', 'defaults', 'sandbox'],
    ...['docker', 'ssh', 'bubblewrap', 'sync', 'prune'].map((part) => [
      ...['agents', 'defaults', 'sandbox'],
      part,
    ]),
    ['plugins', 'entries', 'openshell', 'config'],
    ['tools', 'sandbox', 'tools'],
  ]
  if (key === 'openshell') return 'plugins.entries.openshell.config'
  const place = places.find((path) =>
    Object.hasOwn(fieldsOf(schemaAt(configFile, path) ?? configFile) ?? {}, key),
  )
  return place === undefined ? undefined : pathText(place)
}

function inWords(value: unknown, secret: boolean): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (secret) return typeof value === 'string' ? 'this text' : `this ${typeof value}`
  return typeof value === 'string' ? shown(value) : String(value)
}

/** What is accepted and does nothing, and what looks like a setting in a place that is not ours. */
function withoutEffect(schema: z.core.$ZodType, value: unknown, path: Path): Problem[] {
  const why = noteOf(schema).ignored
  if (why !== undefined && path.length > 0) {
    return [{ what: `${path.at(-1)} has no effect: ${why}`, path }]
  }
  if (typeof value !== 'object' || value === null) return []
  const fields = fieldsOf(schema)
  const element = elementOf(schema)
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    const field =
      fields === undefined ? element : Object.hasOwn(fields, key) ? fields[key] : undefined
    if (field !== undefined) return withoutEffect(field, inner, at)
    const near = fields === undefined || isOurs(path) ? undefined : misplaced(key, fields)
    return near === undefined ? [] : [{ what: `${shown(key)} is not read here; ${near}`, path: at }]
  })
}

function misplaced(key: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  if (['sandbox', 'docker', 'ssh', 'bubblewrap', 'sync', 'openshell'].includes(key)) {
    return `it belongs in ${placeOf(key) ?? 'agents.defaults'}`
  }
  const near = openClawsOwn.includes(key) ? undefined : nearestWord(key, Object.keys(fields))
  return near === undefined ? undefined : `did you mean ${shown(near)}?`
}

/** Keys of OpenClaw's that are near to ours. */
const openClawsOwn = ['hooks']
