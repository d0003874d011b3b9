/** Lets one process at a time check and replace the files of a workspace. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { cancelled } from '../errors.ts'
import { workspaceBusy } from '../file-errors.ts'
import { tryLock, type Unlock } from './named-lock.ts'

/** The longest that a change waits for its turn. */
const lockWaitMs = 10_000

/** Turns within this process: what contends for the lock is whole processes. */
const turns = new Map<string, Promise<void>>()

/**
 * Runs `run` while no other process runs anything under `key`. `FILE_DENIED` when the turn does
 * not come in time, `CANCELLED` on the signal; `run` has not been called then.
 */
export async function exclusively<T>(
  key: string,
  run: () => T | Promise<T>,
  signal?: AbortSignal,
  waitMs = lockWaitMs,
): Promise<T> {
  const deadline = performance.now() + waitMs
  const turn = (turns.get(key) ?? Promise.resolve()).then(async () => {
    const release = await acquire(lockName(key), deadline, waitMs, signal)
    try {
      return await run()
    } finally {
      release()
    }
  })
  const over = turn.then(
    () => {},
    () => {},
  )
  turns.set(key, over)
  try {
    return await turn
  } finally {
    if (turns.get(key) === over) turns.delete(key)
  }
}

/**
 * The same for what takes its time: nobody is turned away, however long it lasts. `waiting` is told when
 * somebody else has the turn.
 */
export async function holding<T>(
  key: string,
  run: () => Promise<T>,
  signal: AbortSignal,
  waiting: () => void = () => {},
): Promise<T> {
  const before = turns.get(key)
  let over = () => {}
  const mine = new Promise<void>((resolve) => {
    over = resolve
  })
  turns.set(key, mine)
  try {
    if (before !== undefined) {
      waiting()
      await orAborted(before, signal)
    }
    const release = await acquire(lockName(key), Number.POSITIVE_INFINITY, 0, signal, waiting)
    try {
      return await run()
    } finally {
      release()
    }
  } finally {
    // Whoever comes next waits for those before me too, if I gave up waiting.
    if (before === undefined) over()
    else void before.then(over)
    if (turns.get(key) === mine) void mine.then(() => turns.get(key) === mine && turns.delete(key))
  }
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(cancelled('the sync'))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
  aborted.catch(() => {})
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Exactly fills a socket address: some Node versions pad a shorter abstract name with NULs, others do not. */
export function lockName(key: string): string {
  return `sandbox-mcp-workspace-${createHash('sha256').update(key).digest('hex')}`.padEnd(107, '.')
}

async function acquire(
  name: string,
  deadline: number,
  waitMs: number,
  signal: AbortSignal | undefined,
  waiting: () => void = () => {},
): Promise<Unlock> {
  for (let tries = 0; ; tries++) {
    if (signal?.aborted) throw cancelled('the change')
    const release = await tryLock(name, deadline - performance.now())
    if (release !== undefined) return release
    if (tries === 0) waiting()
    if (performance.now() > deadline) throw workspaceBusy(waitMs)
    // Uneven, so that two processes do not keep meeting.
    await delay(
      1 + Math.random() * Math.min(4 + tries / 10, 50),
      undefined,
      signal && { signal },
    ).catch(() => {})
  }
}
