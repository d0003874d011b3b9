/** Where a value came from, and what lost against it. */

/** One place. */
export interface Source {
  readonly kind: 'flag' | 'environment' | 'file' | 'default'
  /** The flag, the variable, the file's path, or `default`. */
  readonly name: string
  /** Where in it: `agents.defaults.sandbox.mode (line 3)`. */
  readonly place?: string
}

/** One effective value. */
export interface Sourced<T = unknown> {
  /** `(not shown)` in place of what must not be shown. */
  readonly value: T
  readonly source: Source
  /** Of a list that was put together: where the rest came from. */
  readonly also?: readonly Source[]
  /** Other values that were given and do not count, the strongest first. */
  readonly lost: readonly { readonly value: unknown; readonly source: Source }[]
}

/** In one line: `--image`, `agents.defaults.sandbox.mode (line 3) in /etc/x.json5`. */
export function sourceText({ name, place }: Source): string {
  return place === undefined ? name : `${place} in ${name}`
}
