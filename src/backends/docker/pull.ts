/** Follows an image pull: the engine's stream of JSON lines, one event each. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { engineSilent } from '../../errors.ts'
import { withDeadline } from './deadline.ts'

/** How long a pull may stand still. */
const stallMs = 60_000

interface PullEvent {
  readonly id?: string
  readonly status?: string
  readonly error?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

export interface Pull {
  readonly engine: string
  readonly reference: string
  readonly signal: AbortSignal
  report(line: string): void
}

/** Starts a pull and sees it through; gives up when nothing moves for a minute. */
export async function pullImage(
  start: () => Promise<NodeJS.ReadableStream>,
  { engine, reference, signal, report }: Pull,
): Promise<void> {
  const call = { engine, what: 'pull', deadlineMs: stallMs, signal }
  const stream = (await withDeadline(call, start)) as Readable
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(), stallMs)
  const either = AbortSignal.any([signal, stalled.signal])
  try {
    await withDeadline({ ...call, deadlineMs: 24 * 3_600_000, signal: either }, () =>
      followPull(stream, (progress) => {
        timer.refresh()
        report(`pulling ${reference}: ${progress}`)
      }),
    )
  } catch (error) {
    stream.destroy()
    throw stalled.signal.aborted ? engineSilent(engine, 'pull', stallMs) : error
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when the pull is done; rejects with the engine's error. Tells how far it is in bytes. */
async function followPull(stream: Readable, report: (progress: string) => void): Promise<void> {
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
