/** What an attendant that is perl is asked ahead, and who gets the answer. What perl does is in `attendant-perl.test.ts`. */
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Process } from '../../src/process.ts'
import { AttendantShell } from '../../src/scripts/attendant-shell.ts'
import type { Foretold } from '../../src/scripts/script.ts'

const token = 'abcdef0123456789ab'
const mark = (word: string) => `\u001f${token}:${word}\u001f`
const never = new AbortController().signal
const nothing = new Uint8Array()
const foretold: Foretold = { script: 'look', functions: 'f() { :; }', shortcut: ['look', 'here'] }
const aheadOf = (group: number) => `${token} @9 0 ${group} 1 5\nlook\0herelook\n`

let stdout: PassThrough
let asked: string[]
let end: (code: number) => void
let fail: (error: Error) => void
const kill = vi.fn(async () => {})
let shell: AttendantShell

const say = async (text: string) => {
  stdout.write(text)
  await new Promise(setImmediate)
}
const run = (script: string, signal = never) => shell.run({ script, stdin: nothing, signal })

beforeEach(async () => {
  stdout = new PassThrough()
  const stdin = new PassThrough()
  asked = []
  stdin.on('data', (bytes) => asked.push(String(bytes)))
  kill.mockClear()
  const exit = new Promise<number>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  const process = { group: 7, stdin, stdout, stderr: new PassThrough(), exit, kill }
  shell = new AttendantShell('sbx', process as unknown as Process, token, false)
  await say(mark('perl'))
})
afterEach(() => {
  stdout.destroy()
})

test('what was asked ahead and is answered already costs no way there', async () => {
  const ahead = shell.ahead(foretold, 50)
  await say(`nothing new${mark('0')}`)
  const told = await ahead?.take(never)
  expect([told?.code, String(told?.stdout)]).toEqual([0, 'nothing new'])
  expect(asked).toEqual([aheadOf(50)])
  expect(await ahead?.take(never)).toBe(undefined)
})

test('where it is not answered yet it is told to wait no longer', async () => {
  const told = shell.ahead(foretold, 50)?.take(never)
  await say(`new${mark('0')}`)
  expect(String((await told)?.stdout)).toBe('new')
  expect(asked).toEqual([aheadOf(50), `${token} !\n`])
  expect(shell.isFree).toBe(true)
})

test('what was dropped has told nothing', async () => {
  const told = shell.ahead(foretold, 50)?.take(never)
  await say(mark('dropped'))
  expect(await told).toBe(undefined)
  expect(shell.isFree).toBe(true)
})

test('a command that knows the mark can have nothing dropped that somebody has asked for', async () => {
  const told = run('other')
  await say(`${mark('dropped')}other${mark('0')}`)
  const { code, stdout } = await told
  expect([code, String(stdout)]).toEqual([0, 'other'])
})

test.each([
  ['dropped', mark('dropped')],
  ['answered', `ahead${mark('0')}`],
])(
  'another script goes before it, and has its own answer, whether it was %s',
  async (_, answer) => {
    const ahead = shell.ahead(foretold, 50)
    expect(shell.isFree).toBe(true)
    const told = run('other')
    expect(shell.isFree).toBe(false)
    expect(shell.ahead(foretold, 51)).toBe(undefined)
    await say(answer)
    expect(shell.isFree).toBe(false)
    await say(`other${mark('3')}`)
    const { code, stdout } = await told
    expect([code, String(stdout)]).toEqual([3, 'other'])
    expect(await ahead?.take(never)).toBe(undefined)
    expect(asked).toEqual([aheadOf(50), `${token} 1 0 0\nother\n`])
  },
)

test('whoever waits for it has it to himself', async () => {
  const told = shell.ahead(foretold, 50)?.take(never)
  expect(shell.isFree).toBe(false)
  await say(mark('0'))
  expect((await told)?.code).toBe(0)
})

test('where the shell has ended, or was lost, it has told nothing', async () => {
  const told = shell.ahead(foretold, 50)?.take(never)
  end(137)
  expect(await told).toBe(undefined)
  expect(shell.ahead(foretold, 50)).toBe(undefined)
})

test('where the sandbox was lost while nobody waited for it, nobody is told', async () => {
  const ahead = shell.ahead(foretold, 50)
  fail(new Error('lost'))
  await shell.over
  expect(await ahead?.take(never)).toBe(undefined)
})

test('who gives up while it is waited for ends it', async () => {
  const stop = new AbortController()
  const told = shell.ahead(foretold, 50)?.take(stop.signal)
  stop.abort()
  expect(kill).toHaveBeenCalledOnce()
  end(143)
  await expect(told).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('only perl is asked ahead', async () => {
  const process = {
    group: 7,
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    exit: new Promise<number>(() => {}),
    kill,
  }
  const plain = new AttendantShell('sbx', process as unknown as Process, token, true)
  expect(plain.isFree).toBe(true)
  expect(plain.ahead(foretold, 50)).toBe(undefined)
})
