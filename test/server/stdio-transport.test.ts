/** Messages as lines: however the bytes are cut, whatever is in a line, and as large as they may be. */
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { StdioTransport } from '../../src/mcp/stdio-transport.ts'

async function started(stdout = new PassThrough()) {
  const stdin = new PassThrough()
  const transport = new StdioTransport(stdin, stdout)
  const messages: object[] = []
  const errors: string[] = []
  const closed = { times: 0 }
  transport.onmessage = (message) => messages.push(message)
  transport.onerror = ({ message }) => errors.push(message)
  transport.onclose = () => {
    closed.times += 1
  }
  await transport.start()
  const given = async (...chunks: (string | Buffer)[]) => {
    for (const chunk of chunks) {
      stdin.write(chunk)
      await new Promise(setImmediate)
    }
  }
  return { stdin, stdout, transport, messages, errors, closed, given }
}

test('messages arrive in order, whole, wherever the bytes are cut', async () => {
  const told = [{ id: 1, text: 'one' }, { id: 2, text: 'zw\u{f6}lf \u{1f600}' }, { id: 3 }]
  const bytes = Buffer.from(told.map((one) => `${JSON.stringify(one)}\n`).join(''))
  for (let cut = 1; cut < bytes.length; cut++) {
    const { messages, errors, given } = await started()
    await given(bytes.subarray(0, cut), bytes.subarray(cut))
    expect(messages).toEqual(told)
    expect(errors).toEqual([])
  }
  const { messages, given } = await started()
  await given(...Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)))
  expect(messages).toEqual(told)
})

test('lines end with CR LF too', async () => {
  const { messages, given } = await started()
  await given('{"id":1}\r\n{"id":2}\r\n')
  expect(messages).toEqual([{ id: 1 }, { id: 2 }])
})

test('a line that is no message is told, and the next is read', async () => {
  const { messages, errors, closed, given } = await started()
  await given('hello\n', 'null\n', '7\n', '\n', '{"id":1}\n')
  expect(errors.map((text) => text.split(': ')[1])).toEqual(['"hello"', '"null"', '"7"', '""'])
  expect(messages).toEqual([{ id: 1 }])
  expect(closed.times).toBe(0)
})

const limit = 10 * 1024 * 1024

test('a message of 10 MiB is read', async () => {
  const { messages, errors, given } = await started()
  await given(`{"text":"${'x'.repeat(limit - 11)}"}\n`)
  expect(messages).toHaveLength(1)
  expect(errors).toEqual([])
})

describe('of a message larger than that', () => {
  const large = `"${'x'.repeat(limit)}"`
  const params = `{"id":9,"method":"no","a":[{"id":8},"\\"\\\\",${large}],"b":{"id":7}}`
  /** What is said of a line, and that the next one is read. */
  async function answersTo(line: string) {
    const { stdout, messages, errors, closed, given } = await started()
    const bytes = Buffer.from(`${line}\r\n{"id":1}\n`)
    for (let at = 0; at < bytes.length; at += 65_536) await given(bytes.subarray(at, at + 65_536))
    expect(messages).toEqual([{ id: 1 }])
    expect(closed.times).toBe(0)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(
      /^a message of the client has \d+ bytes; .* more than 10485760 is not/,
    )
    return stdout
      .read()
      ?.toString()
      .trimEnd()
      .split('\n')
      .map(JSON.parse as (line: string) => unknown)
  }

  const requests: [name: string, line: string, id: unknown][] = [
    ['with the id last', `{"method":"m","params":${params},"jsonrpc":"2.0","id":4}`, 4],
    [
      'with the id first',
      `{"jsonrpc":"2.0", "id" : "a\\"\u00fc", "method":"m","params":${params}}`,
      'a"\u00fc',
    ],
    ['with many small parts', `{"id":0,"method":"m","params":[${'1,'.repeat(limit)}1]}`, 0],
  ]
  test.each(requests)('a request %s is answered with the limit', async (_, line, id) => {
    const message = expect.stringContaining(
      'more than 10485760 is not read. Nothing of it was done',
    )
    expect(await answersTo(line)).toEqual([
      { jsonrpc: '2.0', id, error: { code: -32600, message } },
    ])
  })

  const others: [name: string, line: string][] = [
    ['a notification', `{"method":"m","params":${params}}`],
    ['an answer of the client', `{"id":3,"result":${params}}`],
    ['a request that ends early', `{"id":3,"method":"m","params":${params}`],
    ['an id of another kind', `{"id":{"id":3},"method":"m","params":${params}}`],
    ['a list', `[{"id":3,"method":"m","params":${params}}]`],
    ['an id without an end', `{"method":"m","id":${large}}`],
    ['no JSON', 'x'.repeat(limit + 1)],
  ]
  test.each(others)('%s is passed over', async (_, line) => {
    expect(await answersTo(line)).toBeUndefined()
  })
})

test('nothing is read once it is closed', async () => {
  const { transport, stdin, messages, closed, given } = await started()
  await given('{"id":1')
  await transport.close()
  expect(closed.times).toBe(1)
  expect(stdin.isPaused()).toBe(true)
  await given('}\n')
  expect(messages).toEqual([])
})

test('what is sent counts as taken when the other end has room again', async () => {
  const { transport, stdout } = await started(new PassThrough({ highWaterMark: 20 }))
  await transport.send({ id: 1 })
  let taken = false
  const sent = transport.send({ text: 'x'.repeat(100) }).then(() => {
    taken = true
  })
  await new Promise(setImmediate)
  expect(taken).toBe(false)
  expect(`${stdout.read()}`).toBe(`{"id":1}\n{"text":"${'x'.repeat(100)}"}\n`)
  await sent
})

test('many messages that wait for the other end are one listener', async () => {
  const { transport, stdout } = await started(new PassThrough({ highWaterMark: 20 }))
  const sent = Array.from({ length: 100 }, (_, id) => transport.send({ id }))
  expect(stdout.listenerCount('drain')).toBe(1)
  stdout.resume()
  await Promise.all(sent)
  expect(stdout.listenerCount('drain')).toBe(0)
})
