/** `--output-limit`, as a client sees it. */
import { expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { newWorld, startServer, textOf } from '../support/stdio-server.ts'

describeWhere('bubblewrap', 'the most characters of a result', () => {
  test.each([
    [[], 30_000],
    [['--output-limit', '5000'], 5_000],
  ])('%j: %d', async (flags, limit) => {
    const world = newWorld()
    const server = await startServer(world, ['--backend', 'bubblewrap', '--ephemeral', ...flags])
    const result = await server.call('exec', { command: 'seq 1 100000' })
    const text = textOf(result)
    expect(text.length).toBeLessThanOrEqual(limit)
    expect(text.length).toBeGreaterThan(limit * 0.8)
    expect(text).toMatch(/^1\n2\n3\n/)
    expect(text).toContain('\n99999\n100000\n')
    // 588,895 bytes in all: what is shown and what is left out add up.
    const { stdoutBytes, omittedBytes } = result.structuredContent as Record<string, number>
    expect(stdoutBytes).toBe(588_895)
    expect(text).toContain(String(omittedBytes))
    await server.close()
    world.remove()
  })
})
