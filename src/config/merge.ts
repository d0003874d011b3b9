/** Puts the sources' values together, key by key; the stronger one wins, and who lost is kept. */
import { isDeepStrictEqual } from 'node:util'
import { isSecret } from './references.ts'
import type { Source, Sourced } from './source.ts'
import { flat, type Layer, partsOf, type Values, whole } from './values.ts'

/** What counts, and why. */
export interface Merged {
  readonly values: Values
  /** By key, such as `docker.image`. */
  readonly origins: ReadonlyMap<string, Sourced>
}

interface Entry {
  readonly value: unknown
  readonly shown: unknown
  readonly source: Source
  readonly also: readonly Source[]
  readonly lost: Sourced['lost']
}

/** `layers` from the weakest to the strongest. */
export function merge(layers: readonly Layer[]): Merged {
  const entries = new Map<string, Entry>()
  for (const layer of layers) {
    if (layer.replacesEnvironment) dropDefaultEnvironment(entries)
    for (const [key, value] of flat(layer.values)) {
      entries.set(key, placed(key, value, layer, entries.get(key)))
    }
  }
  const origins = new Map<string, Sourced>()
  const values = new Map<string, unknown>()
  for (const [key, { value, shown, source, also, lost }] of entries) {
    values.set(key, value)
    origins.set(key, { value: shown, source, lost, ...(also.length > 0 ? { also } : {}) })
  }
  return { values: whole(values), origins }
}

function placed(key: string, value: unknown, layer: Layer, before: Entry | undefined): Entry {
  const source = layer.sourceOf(key)
  const shown = isSecret(partsOf(key)) ? '(not shown)' : value
  if (before === undefined) return { value, shown, source, also: [], lost: [] }
  const { kind } = before.source
  if (key === 'docker.binds' && kind === source.kind) {
    return {
      value: [...(before.value as string[]), ...(value as string[])],
      shown: [...(before.shown as string[]), ...(value as string[])],
      source,
      also: [before.source, ...before.also],
      lost: before.lost,
    }
  }
  // That a default does not count where something is set goes without saying.
  const isNews = kind !== 'default' && !isDeepStrictEqual(before.value, value)
  const loser = isNews ? [{ value: before.shown, source: before.source }] : []
  return { value, shown, source, also: [], lost: [...loser, ...before.lost] }
}

function dropDefaultEnvironment(entries: Map<string, Entry>): void {
  for (const [key, { source }] of entries) {
    if (key.startsWith('docker.env.') && source.kind === 'default') entries.delete(key)
  }
}
