import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { exclusively, lockName } from '../../src/trees/workspace-lock.ts'

const key = `test of ${process.pid}`

/** Another process that takes the lock and keeps it until it is killed. */
async function holder() {
  const program = `require('node:net').createServer().listen(process.argv[1].replace('@', '\\0'),
    () => process.stdout.write('held'))`
  const child = spawn(process.execPath, ['-e', program, `@${lockName(key)}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

test('gives what it ran gives, and throws what it throws', async () => {
  expect(await exclusively(key, () => 7)).toBe(7)
  const failing = exclusively(key, () => {
    throw new Error('mine')
  })
  await expect(failing).rejects.toThrow('mine')
  expect(await exclusively(key, () => 8)).toBe(8)
})

test('runs in the order asked', async () => {
  const order: number[] = []
  await Promise.all([1, 2, 3].map((n) => exclusively(key, () => order.push(n))))
  expect(order).toEqual([1, 2, 3])
})

test.runIf(process.platform === 'linux')(
  'waits for another process, not longer than it may, and not for one that died',
  async () => {
    const kill = await holder()
    let ran = false
    const run = () => {
      ran = true
      return 'done'
    }
    await expect(exclusively(key, run, undefined, 30)).rejects.toMatchObject({
      code: 'FILE_DENIED',
    })
    await expect(exclusively(key, run, AbortSignal.timeout(20))).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(ran).toBe(false)
    const waiting = exclusively(key, run)
    await kill()
    expect(await waiting).toBe('done')
  },
)
