/** A script that came to no end of its own says nothing of files: what the sandbox lacked is told. */
import { expect, test } from 'vitest'
import { readFailed, writeFailed } from '../../src/trees/sandbox-failure.ts'

// As dash, BusyBox and bash say it, and as nobody heard it.
const cannotFork = [
  [2, 'sh: 1: Cannot fork'],
  [2, "sh: can't fork: Resource temporarily unavailable"],
  [254, 'bash: fork: Resource temporarily unavailable'],
  [2, ''],
] as const

test.each(cannotFork)('no process more (%i, %s)', (code, stderr) => {
  for (const failed of [
    readFailed('a', { code, stdout: '', stderr }),
    writeFailed(['a'], { code, stdout: '', stderr }),
  ]) {
    expect(failed).toMatchObject({
      code: 'FILE_DENIED',
      message: expect.stringContaining('no process more can be started in the sandbox'),
      hint: expect.stringContaining('End what runs there'),
    })
  }
})

test('no memory', () => {
  expect(readFailed('a', { code: 137, stdout: '', stderr: '' })).toMatchObject({
    message: expect.stringContaining('perhaps because the memory is used up'),
    hint: expect.stringContaining('sandbox-mcp recreate'),
  })
})

test('what a shell says of something else is not taken for it', () => {
  const failed = readFailed('a', { code: 2, stdout: '', stderr: 'sh: 1: Syntax error' })
  expect(failed).toMatchObject({
    message: '"a" could not be read: the script in the sandbox ended with 2',
    hint: expect.stringContaining('ls -ld'),
  })
})
