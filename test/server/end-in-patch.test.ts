/** A server that is ended while it carries out a patch over many files. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isRunning, newWorld, startServer } from '../support/stdio-server.ts'

const count = 1_500

test.each(['SIGTERM', 'SIGHUP'] as const)(
  '%s in the middle of a patch leaves all of it, and nothing beside it',
  { timeout: 60_000 },
  async (signal) => {
    const world = newWorld()
    onTestFinished(() => world.remove())
    const at = (i: number) => join(world.workspace, `f${i}`)
    for (let i = 0; i < count; i++) writeFileSync(at(i), 'old\n')
    const server = await startServer(world, [])
    const numbers = Array.from({ length: count }, (_, i) => i)
    const updates = numbers.map((i) => `*** Update File: f${i}\n@@\n-old\n+new\n`)
    const input = `*** Begin Patch\n${updates.join('')}*** End Patch\n`
    server.call('apply_patch', { input }).catch(() => {})
    while (readFileSync(at(0), 'utf8') === 'old\n') await new Promise(setImmediate)
    process.kill(server.pid, signal)
    await expect.poll(() => isRunning(server.pid), { timeout: 20_000 }).toBe(false)
    expect(numbers.filter((i) => readFileSync(at(i), 'utf8') === 'old\n')).toEqual([])
    expect(readdirSync(world.workspace)).toHaveLength(count)
    await server.close()
  },
)
