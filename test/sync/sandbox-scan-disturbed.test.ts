/** What another server has left running in the sandbox looks at the same root at the same time. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DigestCache } from '../../src/sync/host/digest-cache.ts'
import { scanHost } from '../../src/sync/host/scan.ts'
import { SandboxScanner } from '../../src/sync/sandbox/scan.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import type { ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { shells } from '../support/local-sandbox.ts'

const rules = new SyncRules([])

function runner(shell: string, path: string): ScriptRunner {
  return async (script, stdin, _signal, functions = '') => {
    const child = spawn(shell, ['-c', `${functions}\n${script}`], { cwd: '/', env: { PATH: path } })
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    const ended = new Promise<number>((resolve) => child.once('close', resolve))
    const [stdout, stderr] = await Promise.all([child.stdout.toArray(), text(child.stderr)])
    return { code: await ended, stdout: Buffer.concat(stdout), stderr }
  }
}

let base: string
let root: string
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-disturbed-')))
  root = join(base, 'root')
  mkdirSync(join(root, 'd'), { recursive: true })
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

// BusyBox runs its own tools, whatever PATH says.
const { BusyBox: _, ...others } = shells()

describe.each(Object.entries(others))('%s', (_, { shell, path }) => {
  const at = (file: string) => join(base, file)
  const isNew = () => !existsSync(at('armed'))

  /** A tool waits, once it is armed, until it may go on; without `isRecent` find does not know what is recent. */
  const waiting = (tool: string, isRecent: boolean) => {
    mkdirSync(at('tools'))
    const put = (name: string, line: string) => {
      const lines = [`#!${shell}`, `PATH='${path}'`, line, `exec ${name} "$@"`]
      writeFileSync(at(`tools/${name}`), `${lines.join('\n')}\n`, { mode: 0o755 })
    }
    if (!isRecent) put('find', 'case $* in *-newerct*) exit 1 ;; esac')
    const wait = `while [ ! -e '${at('go')}' ]; do sleep 0.05; done`
    put(tool, `if rm '${at('armed')}' 2>/dev/null; then ${wait}; fi`)
    return runner(shell, `${at('tools')}:${path}`)
  }

  const scannerWith = (run: ScriptRunner) =>
    new SandboxScanner(run, { root, stateDirectory: at('state'), rules })
  const truth = async () => (await scanHost({ root, rules, cache: new DigestCache() })).snapshot

  const ofListing = ['rm', 'cmp', 'sort', 'uniq', 'sed', 'tr']
  const ofRecent = ['find', 'cat', 'sha256sum']
  const cases = [
    ...ofListing.map((tool) => [tool, false] as const),
    ...ofRecent.map((tool) => [tool, true] as const),
  ].flatMap(([tool, isRecent]) => [
    [tool, isRecent, true] as const,
    [tool, isRecent, false] as const,
  ])
  test.each(cases)(
    'what changes is found (%s waits, of what is recent: %s; the other has looked before: %s)',
    async (tool, isRecent, hasLooked) => {
      for (const file of ['a', 'd/b', 'd/c']) writeFileSync(join(root, file), file)
      const other = scannerWith(runner(shell, path))
      if (hasLooked) await other.scan()
      const scanner = scannerWith(waiting(tool, isRecent))
      await scanner.scan()
      writeFileSync(join(root, 'new'), 'new')
      rmSync(join(root, 'd/b'))
      if (hasLooked) await other.scan()
      await scanner.scan()
      rmSync(join(root, 'd/c'))
      writeFileSync(join(root, 'newer'), 'newer')
      writeFileSync(at('armed'), '')
      const looked = scanner.scan()
      await expect.poll(isNew, { timeout: 20_000 }).toBe(true)
      await other.scan()
      writeFileSync(at('go'), '')
      expect((await looked).snapshot).toEqual(await truth())
      expect((await scanner.scan()).snapshot).toEqual(await truth())
    },
  )

  test.each([true, false])(
    'what goes away while it is read is gone, and no problem (of what is recent: %s)',
    async (isRecent) => {
      const scanner = scannerWith(waiting('sha256sum', isRecent))
      await scanner.scan()
      for (const file of ['goes', 'd/goes', 'd/stays']) writeFileSync(join(root, file), file)
      writeFileSync(at('armed'), '')
      const looked = scanner.scan()
      await expect.poll(isNew, { timeout: 20_000 }).toBe(true)
      for (const file of ['goes', 'd/goes']) rmSync(join(root, file))
      writeFileSync(at('go'), '')
      expect(await looked).toEqual({ snapshot: await truth(), problems: [] })
    },
  )
})
