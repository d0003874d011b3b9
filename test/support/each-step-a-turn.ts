/** What goes on in turns, with a clock by which every step takes longer than a turn: so that each is followed by one. */
import { vi } from 'vitest'

/** Calls `meanwhile` whenever it is others' turn, until `run` has ended. Its result. */
export async function eachStepATurn<T>(run: () => Promise<T>, meanwhile: () => void): Promise<T> {
  let now = performance.now()
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 9
    return now
  })
  let isOver = false
  const turn = () => {
    if (isOver) return
    meanwhile()
    setImmediate(turn)
  }
  setImmediate(turn)
  try {
    return await run()
  } finally {
    isOver = true
    clock.mockRestore()
  }
}
