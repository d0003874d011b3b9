/** What a client is told before it calls anything, as a page to review: `vitest -u` rewrites it. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newWorld, startServer } from '../support/stdio-server.ts'

/** Tools and instructions as a client of a server of its own gets them. */
async function told() {
  const world = newWorld()
  onTestFinished(() => world.remove())
  const { client, close } = await startServer(world, [])
  const { tools } = await client.listTools()
  const instructions = client.getInstructions()
  await close()
  return { tools, instructions }
}

test('the tools are told in less than 8 KB, and as reviewed', async () => {
  const { tools, instructions } = await told()
  expect(Buffer.byteLength(JSON.stringify({ tools }))).toBeLessThan(8 * 1024)
  const page = tools.map(({ name, title, description, annotations, ...schemas }) =>
    [
      `# ${name}: ${title}`,
      Object.entries(annotations ?? {})
        .map(([hint, is]) => `${is ? '' : 'not '}${hint.replace(/Hint$/, '')}`)
        .join(', '),
      description,
      ...Object.entries(schemas).map(([key, schema]) => `## ${key}\n\n${json(schema)}`),
    ].join('\n\n'),
  )
  const text = [`# Instructions\n\n${instructions}`, ...page].join('\n\n')
  await expect(`${text}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'tools-list.golden.md'))
})

test('every start tells the same, byte for byte', async () => {
  expect(JSON.stringify(await told())).toBe(JSON.stringify(await told()))
})

function json(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, undefined, 2)}\n\`\`\``
}
