import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { tryLock, type Unlock } from '../../src/trees/named-lock.ts'
import { exclusively, holding, lockName } from '../../src/trees/workspace-lock.ts'

const linux = test.runIf(process.platform === 'linux')

let number = 0
/** A key that no other test uses. */
const newKey = () => `test ${number++} of named locks in ${process.pid}`

const pathOf = (key: string) => `\0${lockName(key)}`

/** Takes the name as another process would: the kernel knows no difference. Undefined when it is taken. */
function claim(key: string, onStranger = () => {}): Promise<{ close(): void } | undefined> {
  return new Promise((resolve) => {
    const server = createServer((stranger) => {
      onStranger()
      stranger.destroy()
    })
    server.on('error', () => resolve(undefined))
    server.listen({ path: pathOf(key) }, () => {
      closers.push(() => server.close())
      resolve(server)
    })
  })
}

/** Resolves when whoever has the name has heard that somebody asks for it. */
async function ask(key: string): Promise<void> {
  const stranger = connect({ path: pathOf(key) })
  stranger.on('error', () => {})
  await once(stranger, 'close')
}

const closers: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const close of closers.splice(0)) close()
})

linux('a lock that was let go of is kept, and given away when it is asked for', async () => {
  const key = newKey()
  await exclusively(key, () => {})
  expect(await claim(key)).toBeUndefined()
  await ask(key)
  expect(await claim(key)).toBeDefined()
})

linux('a lock that nobody asks for is given away after a moment', async () => {
  const key = newKey()
  await exclusively(key, () => {})
  await expect.poll(() => claim(key), { interval: 20 }).toBeDefined()
})

linux('a lock that is kept is used again, without asking anybody', async () => {
  const key = lockName(newKey())
  ;((await tryLock(key)) as Unlock)()
  let isLater = false
  setImmediate(() => {
    isLater = true
  })
  expect(await tryLock(key)).toBeDefined()
  expect(isLater).toBe(false)
})

linux('a lock that was in use for long is kept no longer than another one', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const key = newKey()
  const unlock = (await tryLock(lockName(key))) as Unlock
  vi.advanceTimersByTime(10_000)
  unlock()
  expect(await claim(key)).toBeUndefined()
  vi.advanceTimersByTime(10_000)
  expect(await claim(key)).toBeDefined()
})

linux('a lock in use is not given away before its holder is done, and then at once', async () => {
  const key = newKey()
  await holding(
    key,
    async () => {
      await ask(key)
      expect(await claim(key)).toBeUndefined()
    },
    new AbortController().signal,
  )
  expect(await claim(key)).toBeDefined()
})

linux('who finds a lock that another process keeps has it without waiting', async () => {
  const key = newKey()
  const other = await claim(key, () => other?.close())
  let waited = false
  await holding(
    key,
    async () => {},
    new AbortController().signal,
    () => {
      waited = true
    },
  )
  expect(waited).toBe(false)
})

linux('a holder that does not answer is asked for no longer than it may be', async () => {
  const key = newKey()
  const server = createServer(() => {})
  closers.push(() => server.close())
  server.listen({ path: pathOf(key) })
  await once(server, 'listening')
  expect(await tryLock(lockName(key), 20)).toBeUndefined()
})

test('a lock that was let go of can be taken again', async () => {
  const key = lockName(newKey())
  const unlock = (await tryLock(key)) as Unlock
  unlock()
  const again = (await tryLock(key)) as Unlock
  again()
})
