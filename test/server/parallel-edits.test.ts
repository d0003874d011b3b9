/** Many changes of one file at the same time, by the calls of two clients with a server each. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newWorld, type RunningServer, startServer, type World } from '../support/stdio-server.ts'

const numbers = Array.from({ length: 20 }, (_, at) => at)
let world: World
let servers: RunningServer[]

beforeEach(async () => {
  world = newWorld()
  writeFileSync(join(world.workspace, 'f'), numbers.map((at) => `line ${at};\n`).join(''))
  servers = await Promise.all([startServer(world, []), startServer(world, [])])
})
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  world.remove()
})

const changes = {
  edit: (at: number) => ({
    path: 'f',
    edits: [{ oldText: `line ${at};`, newText: `changed ${at};` }],
  }),
  apply_patch: (at: number) => ({
    input: `*** Begin Patch\n*** Update File: f\n@@\n-line ${at};\n+changed ${at};\n*** End Patch`,
  }),
}

test.each(Object.entries(changes))('twenty of %s are all kept', async (tool, argumentsFor) => {
  const results = await Promise.all(
    numbers.map((at) => (servers[at % 2] as RunningServer).call(tool, argumentsFor(at))),
  )
  expect(results.map(({ isError }) => isError)).toEqual(numbers.map(() => undefined))
  const all = numbers.map((at) => `changed ${at};\n`).join('')
  expect(readFileSync(join(world.workspace, 'f'), 'utf8')).toBe(all)
})
