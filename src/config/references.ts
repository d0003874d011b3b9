/**
 * What a file takes from the environment: `${NAME}` in any text, and OpenClaw's references where a
 * secret is wanted, `$NAME` among them. `$${NAME}` is the text `${NAME}`. Names are capital letters, digits
 * and `_`. Where the environment has no such variable, the file may have it itself, in `env` or `env.vars`.
 */
import { type Path, type Problem, valueAt } from './problem.ts'

/** A document with its references resolved, as far as they can be. */
export interface Referred {
  readonly value: unknown
  /** Where something could not be found. */
  readonly problems: readonly Problem[]
  /** Paths, as JSON, whose text came from the environment: it may be a secret. */
  readonly taken: ReadonlySet<string>
}

/** Only where `isOurs` holds: what others' parts of a file need is not missed. */
export function resolveReferences(
  value: unknown,
  env: NodeJS.ProcessEnv,
  isOurs: (path: Path) => boolean,
): Referred {
  const problems: Problem[] = []
  const taken = new Set<string>()

  const lookUp = (name: string, path: Path): string | undefined => {
    taken.add(JSON.stringify(path))
    const own = [
      ['env', name],
      ['env', 'vars', name],
    ].map((place) => valueAt(value, place))
    const found = [env[name], ...own].find((one) => typeof one === 'string' && one !== '')
    if (typeof found === 'string') return found
    problems.push({ what: `the environment variable ${name} is not set`, path, isUnset: true })
    return undefined
  }

  const walk = (node: unknown, path: Path): unknown => {
    if (typeof node === 'string') {
      if (!isOurs(path)) return node
      const whole = isConnectionSecret(path) ? /^\s*\$([A-Z][A-Z0-9_]*)\s*$/.exec(node) : null
      if (whole?.[1] !== undefined) return lookUp(whole[1], path) ?? node
      return node.replace(
        /(\$?)\$\{([A-Z_][A-Z0-9_]*)\}/g,
        (whole, doubled: string, name: string) =>
          doubled === '' ? (lookUp(name, path) ?? whole) : whole.slice(1),
      )
    }
    if (Array.isArray(node)) return node.map((element, at) => walk(element, [...path, at]))
    if (typeof node !== 'object' || node === null) return node
    if (isOurs(path) && isSecret(path) && 'source' in node) return referred(node, path)
    const copy: Record<string, unknown> = {}
    for (const [key, inner] of Object.entries(node)) {
      Object.defineProperty(copy, key, {
        value: walk(inner, [...path, key]),
        enumerable: true,
        writable: true,
        configurable: true,
      })
    }
    return copy
  }

  const referred = (node: { source?: unknown; id?: unknown }, path: Path): unknown => {
    if (node.source === 'env' && typeof node.id === 'string') return lookUp(node.id, path) ?? node
    if (typeof node.source === 'string' && node.source !== 'env') {
      const what = `secrets from source ${JSON.stringify(node.source)} are not read; use {source: "env"}, or name a file`
      problems.push({ what, path })
    }
    return node
  }

  return { value: walk(value, []), problems, taken }
}

/** Never shown: the secrets of a connection, and what commands get as their environment. */
export function isSecret(path: Path): boolean {
  return isConnectionSecret(path) || (path.at(-2) === 'env' && path.at(-3) === 'docker')
}

const isConnectionSecret = (path: Path) =>
  ['identityData', 'certificateData', 'knownHostsData'].includes(String(path.at(-1)))
