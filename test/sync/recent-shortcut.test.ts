/** Where nothing is recent perl says so as the script does, and it declines everything else. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readRecent } from '../../src/sync/sandbox/answers.ts'
import { recentCall, recentFunction } from '../../src/sync/sandbox/recent-scripts.ts'
import {
  fewEnough,
  nothingRecent,
  recentShortcuts,
} from '../../src/sync/sandbox/recent-shortcut.ts'
import { askShortcut, declined } from '../support/ask-shortcut.ts'
import { hasPerl } from '../support/perl-attendant.ts'

// Elsewhere a machine without it leaves these tests out, and says so.
test.runIf(process.env.CI)('all of perl is here, so that this is tested', () => {
  expect(hasPerl).toBe(true)
})

describe.runIf(hasPerl)('a look by perl', () => {
  let folder: string
  let root: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sbx-nothing-'))
    root = join(folder, 'root')
    mkdirSync(join(root, 'd/e'), { recursive: true })
    for (const name of ['f', 'd/g', 'd/e/ä\n -', '.hidden']) writeFileSync(join(root, name), name)
    symlinkSync('/etc', join(root, 'link'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const look = (since: number) => askShortcut(recentShortcuts, nothingRecent(root, since))
  const script = (since: number) => {
    const request = {
      root,
      since,
      asked: [],
      sent: [],
      beside: join(folder, 'look'),
      halves: false,
    }
    return execFileSync('sh', ['-c', `${recentFunction}\n${recentCall(request)}`])
  }
  const now = () => Date.now() / 1000

  test('says what the script says', async () => {
    // Younger than all there is: ctimes cannot be set.
    const since = now() + 1
    const [said, told] = [
      readRecent(Buffer.from(await look(since), 'latin1')),
      readRecent(script(since)),
    ]
    expect(said).toEqual({ ...told, moment: expect.anything() })
    expect(said?.lines).toEqual([])
    expect(said?.moment.mounts).toBe(told?.moment.mounts)
    expect(Math.abs((said?.moment.now ?? 0) - now())).toBeLessThan(60)
    const [uptime] = readFileSync('/proc/uptime', 'utf8').split(' ')
    for (const up of said?.moment.up ?? []) expect(Math.abs(up - Number(uptime))).toBeLessThan(60)
  })

  const changes: Readonly<Record<string, () => void>> = {
    'a file deep down': () => writeFileSync(join(root, 'd/e/new'), ''),
    'the content of a file': () => writeFileSync(join(root, 'd/g'), 'other'),
    'the rights of a file': () => chmodSync(join(root, 'd/e/ä\n -'), 0o600),
    'a file that went away': () => rmSync(join(root, 'd/g')),
    'a file that went away at the top': () => rmSync(join(root, 'f')),
    'a directory with another name': () => renameSync(join(root, 'd/e'), join(root, 'd/x')),
    'a link': () => symlinkSync('f', join(root, 'd/l')),
    'a root that is not there': () => rmSync(root, { recursive: true }),
  }
  for (const [what, change] of Object.entries(changes)) {
    test(`declines ${what}`, async () => {
      const before = now()
      // Until a change of now is younger than those of before, by the kernel's ticks.
      const probe = () => {
        writeFileSync(join(folder, 'probe'), '')
        return statSync(join(folder, 'probe')).ctimeMs / 1000
      }
      await expect.poll(probe, { interval: 5 }).toBeGreaterThan(before + 0.05)
      const since = before + 0.04
      expect(await look(since)).not.toBe(declined)
      change()
      expect(await look(since)).toBe(declined)
    })
  }

  test('declines what is as young as it may be', async () => {
    const { ctimeMs } = statSync(join(root, 'd/e/ä\n -'))
    expect(await look(ctimeMs / 1000 - 0.001)).toBe(declined)
  })

  test('declines more than it would be quick with', async () => {
    for (let n = 0; n <= 2 * fewEnough; n++) symlinkSync('x', join(root, `d/${n}`))
    expect(await look(now() + 1)).toBe(declined)
  })

  test.runIf(process.getuid?.() === 0)('declines what it cannot read', async () => {
    chmodSync(join(root, 'd/e'), 0)
    chmodSync(folder, 0o755)
    const call = nothingRecent(root, now() + 1)
    expect(await askShortcut(recentShortcuts, call)).not.toBe(declined)
    // What comes first is done by the program itself.
    const more = '$> = 65534;'
    expect(await askShortcut(recentShortcuts, call, { more })).toBe(declined)
  })
})
