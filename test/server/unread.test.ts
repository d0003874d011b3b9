/** A client that leaves the server's stdout unread while a command prints a lot and many answers are due. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { peakMemory, type SlowReader, startSlowReader } from '../support/slow-reader.ts'
import { newWorld } from '../support/stdio-server.ts'

/** On machines that are busy. */
const patient = { timeout: 240_000 }
const soon = { timeout: 100_000, interval: 20 }
const mib = 1024 * 1024

/** Together far more than all pipes and buffers on the way hold. */
const answers = 40
/** What one command prints. If that were held for the client, the server would grow by it. */
const printedMib = 400
/**
 * What the server may have more than one whose client reads: the answers that are due, some 3 MB, a few times over
 * while they are made and queued, and what its collector of garbage takes its time for.
 */
const bound = 128 * mib

const big = 1000
const progressToken = 'of the big one'

/** One command that prints a lot while `answers` others are due. Resolves when it has ended. */
async function load(client: SlowReader, workspace: string): Promise<void> {
  const exec = (id: number, command: string, meta: object = {}) =>
    client.request(id, 'tools/call', {
      name: 'exec',
      arguments: { command, yieldMs: 600_000 },
      ...meta,
    })
  const there = (name: string) => () => existsSync(join(workspace, name))
  for (let i = 1; i <= answers; i++) exec(i, `echo number ${i}; seq 1 20000; : > done${i}`)
  for (let i = 1; i <= answers; i++) await expect.poll(there(`done${i}`), soon).toBe(true)
  exec(
    big,
    `echo begun; until [ -f go ]; do sleep 0.05; done; head -c ${printedMib * mib} /dev/zero | tr '\\0' x; echo; echo ended; : > ended`,
    { _meta: { progressToken } },
  )
  return expect.poll(there('ended'), soon).toBe(true)
}

const isAnswered = (client: SlowReader, id: number) => client.messages.some((m) => m.id === id)
const textOf = (client: SlowReader, id: number) =>
  client.messages
    .find((m) => m.id === id)
    ?.result?.content?.map(({ text }) => text)
    .join('\n')

describe.skipIf(process.platform !== 'linux')('a client that does not read', () => {
  test(
    'makes the server hold what is due and no more, and gets all of it in order',
    patient,
    async () => {
      const start = async () => {
        const world = newWorld()
        onTestFinished(() => world.remove())
        const client = await startSlowReader(world, ['--set', 'mode=off'])
        onTestFinished(() => client.close())
        return { client, workspace: world.workspace, world }
      }
      const slow = await start()
      const quick = await start()
      slow.client.stopReading()

      const loading = load(slow.client, slow.workspace)
      await expect.poll(() => slow.client.isFull, soon).toBe(true)
      writeFileSync(join(slow.workspace, 'go'), '')
      // Its command runs to its end, though nobody reads.
      await loading
      expect(slow.client.messages.map(({ id }) => id)).toEqual([0])

      // What else is asked for is heard, and so is another session on the same workspace.
      slow.client.request(2000, 'tools/call', {
        name: 'exec',
        arguments: { command: ': > later' },
      })
      await expect.poll(() => existsSync(join(slow.workspace, 'later')), soon).toBe(true)
      const second = await startSlowReader(slow.world, ['--set', 'mode=off', '--session', 'second'])
      onTestFinished(() => second.close())
      second.request(1, 'tools/call', {
        name: 'exec',
        arguments: { command: 'echo of the second' },
      })
      await expect.poll(() => textOf(second, 1), soon).toMatch(/^of the second\n/)

      writeFileSync(join(quick.workspace, 'go'), '')
      await load(quick.client, quick.workspace)
      await expect.poll(() => isAnswered(quick.client, big), soon).toBe(true)
      expect(peakMemory(slow.client.pid)).toBeLessThan(printedMib * mib)
      expect(peakMemory(slow.client.pid)).toBeLessThan(peakMemory(quick.client.pid) + bound)

      slow.client.read()
      await expect.poll(() => isAnswered(slow.client, 2000), soon).toBe(true)
      for (const { client } of [slow, quick]) {
        const due = [...Array.from({ length: answers }, (_, i) => i + 1), big]
        for (const id of due) await expect.poll(() => isAnswered(client, id), soon).toBe(true)
        for (const id of due) expect(client.messages.filter((m) => m.id === id)).toHaveLength(1)
        for (let i = 1; i <= answers; i++) {
          expect(textOf(client, i)).toMatch(new RegExp(`^number ${i}\\n1\\n2\\n`))
          expect(textOf(client, i)).toContain('\n19999\n20000\n')
        }
        expect(textOf(client, big)).toMatch(/^begun\n/)
        expect(textOf(client, big)).toContain('\nended\n')
        const said = client.messages.findIndex((m) => m.id === big)
        const progress = client.messages.flatMap(({ method, params }, at) =>
          method === 'notifications/progress' ? [{ at, ...params }] : [],
        ) as { at: number; progressToken: string; progress: number }[]
        expect(progress.every((one) => one.progressToken === progressToken)).toBe(true)
        expect(progress.every(({ at }) => at < said)).toBe(true)
        const numbers = progress.map((one) => one.progress)
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
        // One waits for the client; what came in the meantime is not sent after it.
        if (client === slow.client) expect(progress.length).toBeLessThanOrEqual(2)
      }
    },
  )

  test('is told once of what was changed many times meanwhile', patient, async () => {
    const world = newWorld()
    onTestFinished(() => world.remove())
    const client = await startSlowReader(world, ['--set', 'mode=off'])
    onTestFinished(() => client.close())
    const there = (name: string) => () => existsSync(join(world.workspace, name))
    const exec = (id: number, command: string) =>
      client.request(id, 'tools/call', { name: 'exec', arguments: { command, yieldMs: 600_000 } })
    const uri = 'workspace:///changed'
    client.request(1, 'resources/subscribe', { uri })
    await expect.poll(() => isAnswered(client, 1), soon).toBe(true)
    client.stopReading()
    for (let i = 1; i <= answers; i++) exec(10 + i, `seq 1 20000; : > done${i}`)
    for (let i = 1; i <= answers; i++) await expect.poll(there(`done${i}`), soon).toBe(true)
    await expect.poll(() => client.isFull, soon).toBe(true)
    // Each is an update of its own to a client that reads.
    exec(2, 'for i in $(seq 1 15); do echo $i > changed; sleep 0.5; done; : > ended')
    await expect.poll(there('ended'), soon).toBe(true)
    client.read()
    await expect.poll(() => isAnswered(client, 2), soon).toBe(true)
    const updates = client.messages.filter(({ params }) => params?.uri === uri)
    expect(updates.length).toBeGreaterThan(0)
    expect(updates.length).toBeLessThanOrEqual(2)
  })
})
