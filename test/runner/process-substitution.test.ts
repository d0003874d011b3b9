/** What prints into a process substitution of bash belongs to the command, which is otherwise as it is. */
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { type SpawnOptions, spawn } from '../../src/process.ts'
import { type LocalOptions, type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'

const never = new AbortController().signal
const place = { shell: '/bin/sh', path: '/usr/bin:/bin' }

async function run(guard: Guard, command: string, stdin?: SpawnOptions['stdin']) {
  const process = await spawn(guard, command, {
    workdir: guard.sandbox.root,
    ...(stdin && { stdin }),
  })
  if (stdin === 'open') process.stdin.end()
  const [stdout, stderr, code] = await Promise.all([
    text(process.stdout),
    text(process.stderr),
    process.exit,
  ])
  await process.gone
  return { stdout, stderr, code }
}

async function opened(options: LocalOptions) {
  const sandbox = localSandbox({ ...place, ...options })
  return { sandbox, guard: await openGuard(sandbox, never) }
}

describe('what a shell does when it ends is the command’s', () => {
  let sandbox: LocalSandbox
  let guard: Guard

  beforeAll(async () => {
    const made = await opened({})
    sandbox = made.sandbox
    guard = made.guard
    writeFileSync(join(sandbox.root, 'traced'), `trap 'echo next' DEBUG\n`)
    writeFileSync(join(sandbox.root, 'late'), `trap 'sleep 0.1; echo late' EXIT\n`)
  })

  afterAll(async () => {
    await guard?.close()
    sandbox?.remove()
  })

  test.each([
    [`trap 'sleep 0.1; echo late' EXIT`, 'late\n', 0],
    [`trap 'echo $?' EXIT; (exit 4)`, '4\n', 4],
    ['. ./late', 'late\n', 0],
    ['exec >/dev/null; echo; true', '', 0],
    ['exec 2>&1; echo seen >&2', 'seen\n', 0],
    ['exec >&- 2>&-; (exit 4)', '', 4],
    ['exit 3', '', 3],
    ['(exit 7)', '', 7],
    ['false', '', 1],
    ['set -e; false; true', '', 1],
    ['set -eu; (exit 9)', '', 9],
    ['set -o pipefail; (exit 6) | true', '', 6],
    [`trap 'echo next' DEBUG; true; (exit 4)`, 'next\n', 4],
    ['shopt -s extdebug; . ./traced; (exit 4)', 'next\n', 4],
    ['. ./traced; (exit 4)', '', 4],
    ['command() { echo mine; }; (exit 4)', '', 4],
    ['builtin() { echo mine; }; (exit 4)', '', 4],
    ['IFS=0123456789; (exit 100)', '', 100],
    ['kill -TERM $$', '', 143],
    ['ulimit -n 8; (exit 4)', '', 4],
    ['shopt -s expand_aliases; alias for=: exit=:; (exit 4)', '', 4],
    ['enable -n read; (exit 4)', '', 4],
    ['set -r; (exit 4)', '', 4],
    ['read() { exit 9; }; sleep() { exit 9; }; exit() { :; }; (builtin exit 4)', '', 4],
  ])('%s', async (command, stdout, code) => {
    const none = ': > >(true)'
    expect(await run(guard, `${none}; ${command}`)).toEqual({ stdout, stderr: '', code })
  })

  test.each([
    ['cat > >(cat); (exit 5)', 'given', 5],
    [`cat > >(cat); trap 'sleep 0.1; echo late' EXIT; (exit 5)`, 'givenlate\n', 5],
  ])('with a given stdin: %s', async (command, stdout, code) => {
    const given = Buffer.from('given')
    expect(await run(guard, command, given)).toEqual({ stdout, stderr: '', code })
  })
})

test.each([
  'echo late > >(sleep 0.03; cat)',
  'echo late >&2 2> >(sleep 0.03; cat >&2)',
  '{ echo late | tee /dev/null; } > >(sleep 0.03; cat)',
  'trap : EXIT; echo late > >(sleep 0.03; cat)',
  'echo late > >(sleep 0.03; cat > >(sleep 0.03; cat))',
])('what prints into a process substitution is heard: %s', async (command) => {
  const { sandbox, guard } = await opened({})
  for (const stdin of [undefined, 'open'] as const) {
    const { stdout, stderr, code } = await run(guard, `${command}; (exit 5)`, stdin)
    expect([stdin, stdout + stderr, code]).toEqual([stdin, 'late\n', 5])
  }
  await guard.close()
  sandbox.remove()
})

test.each([
  'exec > >(sleep 0.03; cat); echo late; exit 5',
  'exec 2> >(sleep 0.03; cat >&2); echo late >&2; exit 5',
  './script',
  'sh -c ./script',
  './script | cat; exit 5',
])('and so is what prints through one until its end: %s', async (command) => {
  const { sandbox, guard } = await opened({})
  const script = join(sandbox.root, 'script')
  writeFileSync(script, '#!/bin/bash\nexec > >(sleep 0.03; cat) 2>&1\necho late\nexit 5\n')
  chmodSync(script, 0o755)
  for (const stdin of [undefined, 'open'] as const) {
    const { stdout, stderr, code } = await run(guard, command, stdin)
    expect([stdin, stdout + stderr, code]).toEqual([stdin, 'late\n', 5])
  }
  await guard.close()
  sandbox.remove()
})

test('and where very many others were started since', async () => {
  const { sandbox, guard } = await opened({})
  spawnSync('sh', ['-c', 'n=0; while [ $((n += 1)) -le 500 ]; do env true; done'])
  const { stdout } = await run(guard, 'exec > >(sleep 0.03; cat); echo late')
  expect(stdout).toBe('late\n')
  await guard.close()
  sandbox.remove()
})

test('what is left in the background is waited for no longer', async () => {
  const { sandbox, guard } = await opened({})
  for (const command of [
    'echo out > >(cat); (sleep 1; echo late) &',
    'sleep 3600 > >(cat) & echo out',
  ]) {
    const process = await spawn(guard, command, { workdir: sandbox.root })
    process.stderr.resume()
    expect([await text(process.stdout), await process.exit]).toEqual(['out\n', 0])
  }
  await guard.close()
  sandbox.remove()
})
