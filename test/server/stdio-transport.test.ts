/** Messages as lines: however the bytes are cut, whatever is in a line, and as large as they may be. */
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
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

test('a message of 10 MiB is read; a larger one ends the connection before it is all there', async () => {
  const message = (bytes: number) => `{"text":"${'x'.repeat(bytes - 11)}"}`
  const limit = 10 * 1024 * 1024
  const { messages, errors, closed, given } = await started()
  await given(`${message(limit)}\n`)
  expect(messages).toHaveLength(1)
  await given(message(limit + 1), '\n{"id":1}\n')
  expect(errors.join()).toContain('larger than 10485760 bytes')
  expect(closed.times).toBe(1)
  expect(messages).toHaveLength(1)
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
