/** The commands that the ssh_config asks in a Match exec. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decidedDestination } from '../../src/backends/ssh/decided-destination.ts'
import type { Account } from '../../src/backends/ssh/destination.ts'

let home: string
let account: Account
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-home-')))
  mkdirSync(join(home, '.ssh'))
  account = { home, user: userInfo().username }
})
afterEach(() => rmSync(home, { recursive: true }))

const write = (name: string, text: string) => writeFileSync(join(home, name), text)
const decide = (signal = AbortSignal.timeout(60_000)) =>
  decidedDestination({ target: 'box' }, account, signal)

test('it is run once, by the shell of the user, and only where the block may count', async () => {
  const shell = join(home, 'shell')
  write('shell', `#!/bin/sh\necho "$2" >> ${home}/ran\nexec /bin/sh "$@"\n`)
  chmodSync(shell, 0o755)
  account = { ...account, env: { SHELL: shell } }
  write(
    '.ssh/config',
    [
      'Match exec true host box',
      ' ProxyJump way',
      'Match host other exec "exit 7"',
      ' Port 7',
      'Match localnetwork 10.0.0.0/8 exec "exit 8"',
      ' Port 8',
      'Match host box exec "exit 9"',
      ' Port 9',
      'Match final exec true',
      ' User last',
    ].join('\n'),
  )
  expect(await decide()).toMatchObject({
    user: 'last',
    port: 22,
    jump: { host: 'way', user: 'last' },
    passedOver: ['Match localnetwork 10.0.0.0/8 exec "exit 8"'],
  })
  expect(readFileSync(join(home, 'ran'), 'utf8')).toBe('true\nexit 9\n')
})

test('it is not run in a file that a block includes which is not judged', async () => {
  write('more', `Match exec "touch ${home}/made"\n Port 9\n`)
  write('.ssh/config', `Match localnetwork 10.0.0.0/8\n Include ${home}/more`)
  expect(await decide()).toMatchObject({ port: 22 })
  expect(existsSync(join(home, 'made'))).toBe(false)
})

test('what a token stands for is one word to that shell, or the block is passed over', async () => {
  write(
    '.ssh/config',
    `Match exec "touch ${home}/%r"\n Port 9\nHost *\n User "$(touch ${home}/made)"`,
  )
  expect(await decide()).toMatchObject({ port: 9 })
  const user = `a;touch\${IFS}${home}/made`
  write('.ssh/config', `Host *\n User "${user}"\nMatch exec "echo %r"\n Port 9`)
  expect(await decide()).toMatchObject({ port: 22, passedOver: ['Match exec "echo %r"'] })
  expect(existsSync(join(home, 'made'))).toBe(false)
})

test('a command that tells nothing, and one that is not waited for', async () => {
  write('.ssh/config', 'Match exec "kill -9 $$"\n Port 9')
  await expect(decide()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('which the ssh_config asks in a Match exec, told nothing: '),
  })
  write('.ssh/config', `Match exec "touch ${home}/begun; exec sleep 1000"\n Port 9`)
  const end = new AbortController()
  const deciding = decide(end.signal)
  while (!existsSync(join(home, 'begun'))) await new Promise(setImmediate)
  end.abort()
  await expect(deciding).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('what is wrong after a command that is not answered yet is no reason', async () => {
  write('.ssh/config', 'Match exec true\n Port 9\nHost *\n Port 99999')
  expect(await decide()).toMatchObject({ port: 9 })
})
