/** What is wrong with a setting, or has no effect, and where it stands. */

/** Keys, and numbers for the elements of lists. */
export type Path = readonly (string | number)[]

/** One thing to tell a person. */
export interface Problem {
  readonly what: string
  readonly path: Path
  /** In the file, from 1. */
  readonly line?: number | undefined
  /** Where that is another file, which the file includes. */
  readonly file?: string
  /** A variable that is not set: of no importance where another agent's setting names it. */
  readonly isUnset?: true
}

/** As a person writes it: `agents.list[0].sandbox.mode`. */
export function pathText(path: Path): string {
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`))
    .join('')
}

/** Two lines: what, and where. */
export function problemText({ what, path, line, file }: Problem, mark = '\u2716'): string {
  const where = path.length === 0 ? '' : pathText(path)
  const at = [line === undefined ? [] : `line ${line}`, file ?? []].flat().join(' of ')
  const lines = at === '' ? '' : where === '' ? at : ` (${at})`
  return where + lines === '' ? `${mark} ${what}` : `${mark} ${what}\n  \u2192 at ${where}${lines}`
}

/** What `value` holds at `path`. */
export function valueAt(value: unknown, path: Path): unknown {
  let found = value
  for (const part of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined
    found = (found as Record<string | number, unknown>)[part]
  }
  return found
}
