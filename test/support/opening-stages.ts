/** Waits for a moment of an opening, to kill a server in it. */
import { watch } from 'node:fs'
import { createInterface } from 'node:readline'
import Docker from 'dockerode'

/** A moment of an opening, as it is seen from outside. */
export interface Reached {
  readonly seen: Promise<void>
  stop(): void
}

/** Hears also of what is there for a moment. */
export function isMade(root: string, isIt: (entry: string) => boolean): Reached {
  const watcher = watch(root)
  const seen = new Promise<void>((resolve) => {
    watcher.on('change', (_, entry) => {
      if (isIt(String(entry))) resolve()
    })
  })
  return { seen, stop: () => watcher.close() }
}

/** For what stays; looks at each turn of the event loop, to be there soon after it. */
export function appears(isThere: () => boolean): Reached {
  let stopped = false
  const seen = new Promise<void>((resolve) => {
    const look = () => {
      if (stopped || isThere()) resolve()
      else setImmediate(look)
    }
    look()
  })
  return {
    seen,
    stop: () => {
      stopped = true
    },
  }
}

/** `stage` is what an event is of and what happened: `container start`; `name` that of the container. */
export async function dockerEvent(stage: string, name: string): Promise<Reached> {
  const [type, action = ''] = stage.split(' ')
  const events = await new Docker().getEvents({ filters: JSON.stringify({ type: [type ?? ''] }) })
  const seen = new Promise<void>((resolve) => {
    createInterface({ input: events }).on('line', (line) => {
      const { Action, Actor } = JSON.parse(line)
      if (Action.startsWith(action) && Actor.Attributes.name === name) resolve()
    })
  })
  return { seen, stop: () => (events as unknown as { destroy(): void }).destroy() }
}
