/** Follows an image pull: the engine's stream of JSON lines, one event each. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

interface PullEvent {
  readonly id?: string
  readonly status?: string
  readonly error?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

/** Resolves when the pull is done; rejects with the engine's error. Tells how far it is in bytes. */
export async function followPull(
  stream: Readable,
  report: (progress: string) => void,
): Promise<void> {
  const layers = new Map<string, { current: number; total: number }>()
  for await (const line of createInterface({ input: stream })) {
    if (line.trim() === '') continue
    const event = JSON.parse(line) as PullEvent
    if (event.error !== undefined) throw new Error(event.error)
    const { current, total } = event.progressDetail ?? {}
    if (event.id && current && total) layers.set(event.id, { current, total })
    report(summary(layers, event.status))
  }
}

function summary(layers: ReadonlyMap<string, { current: number; total: number }>, status = '') {
  let current = 0
  let total = 0
  for (const layer of layers.values()) {
    current += layer.current
    total += layer.total
  }
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  return total === 0 ? status : `${megabytes(current)} of ${megabytes(total)} MB`
}
