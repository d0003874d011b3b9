/** `--set path.to.key=value`: one setting, in the shape of a file. */
import { configInvalid, shown } from '../errors.ts'
import { checkConfig, isOurs, placeOf } from './check.ts'
import type { Written } from './document.ts'
import { parseJson5 } from './json5.ts'
import { type Path, pathText } from './problem.ts'
import { isSecret } from './references.ts'
import { configFile } from './schema/file.ts'
import { schemaAt, typeWords } from './schema/words.ts'

/**
 * All of them as one document; a later one for the same key wins. `CONFIG_INVALID` for a path that
 * is no setting, a value of the wrong type, and a secret: arguments can be seen by all of a machine.
 */
export function readSet(given: readonly string[], env: NodeJS.ProcessEnv): Written {
  const document: Record<string, unknown> = {}
  for (const argument of given) {
    const path = pathOf(argument)
    place(document, path, givenValue(argument.slice(argument.indexOf('=') + 1), path))
  }
  const { config, problems } = checkConfig(document, env)
  const [problem] = problems
  if (problem !== undefined) throw unsettable(problem.path, problem.what)
  if (config === undefined) throw new Error('what is not wrong is a configuration')
  return { config, source: (path) => ({ kind: 'flag', name: `--set ${pathText(path)}` }) }
}

function unsettable(path: Path, what: string) {
  return configInvalid(
    `--set ${pathText(path)}: ${what}`,
    'docs/configuration.md lists the settings; "agents.defaults.sandbox." may be left out.',
  )
}

const topLevel = ['agents', 'tools', 'plugins']
const agentSettings = ['workspace', 'sandbox', 'tools']

function pathOf(argument: string): Path {
  const end = argument.indexOf('=')
  const name = argument.slice(0, end === -1 ? undefined : end)
  const parts = name.split('.')
  if (end === -1 || parts.some((part) => part === '' || part === '__proto__')) {
    throw configInvalid(
      `--set ${shown(name)} is not path.to.key=value`,
      'Write --set docker.memory=2g, for example.',
    )
  }
  if (parts[0] === 'agents' && parts[1] === 'list') {
    throw configInvalid(
      `--set ${name}: an element of a list cannot be named`,
      'Write agents.entries.ID.sandbox in its place.',
    )
  }
  const path = topLevel.includes(parts[0] ?? '')
    ? withWholeId(parts)
    : ['agents', 'defaults', 'sandbox', ...parts]
  if (!isOurs(path)) {
    const place = placeOf(parts.at(-1) ?? '')
    const hint = place === undefined ? '' : `; it belongs in ${place}`
    throw unsettable(path, `there is no such setting${hint}`)
  }
  if (isSecret(path) && path.includes('ssh')) {
    throw configInvalid(
      `--set ${name} is refused: everybody on this machine can see a program's arguments`,
      'Write it in a configuration file, as the name of a variable or of a file that holds it.',
    )
  }
  return path
}

/** An agent's id may hold dots: it goes on until one of the agent's settings begins. */
function withWholeId(parts: string[]): string[] {
  if (parts[0] !== 'agents' || parts[1] !== 'entries') return parts
  const end = parts.findIndex((part, at) => at > 2 && agentSettings.includes(part))
  return end === -1
    ? parts
    : [...parts.slice(0, 2), parts.slice(2, end).join('.'), ...parts.slice(end)]
}

/** JSON5, or else the text itself: `--set docker.memory=2g` needs no quotes. */
function givenValue(text: string, path: Path): unknown {
  const parsed = parseJson5(text)
  if ('what' in parsed) return text
  const schema = schemaAt(configFile, path)
  const wantsText = schema !== undefined && typeWords(schema) === 'text'
  return wantsText && typeof parsed.value !== 'string' ? text : parsed.value
}

function place(document: Record<string, unknown>, path: Path, value: unknown) {
  let inner = document
  for (const part of path.slice(0, -1)) {
    const next = Object.hasOwn(inner, part) ? inner[part] : {}
    if (typeof next !== 'object' || next === null || Array.isArray(next)) {
      throw configInvalid(
        `--set ${pathText(path)} sets a part of what another --set sets whole`,
        'Give one of them.',
      )
    }
    inner[part] = next
    inner = next as Record<string, unknown>
  }
  inner[path.at(-1) ?? ''] = value
}
