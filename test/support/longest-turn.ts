/** How long others wait for their turn at most while `run` is at work: as a part of all the time that it takes. */
export async function longestTurn(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  let [last, longest, isOver] = [began, 0, false]
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await run()
  isOver = true
  turn()
  return longest / (last - began)
}
