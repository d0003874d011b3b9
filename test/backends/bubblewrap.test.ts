/**
 * The bubblewrap backend's own behaviour. Every scenario runs in a process of its own, because who
 * runs it matters: root for itself, root for a workspace of somebody else, and an ordinary user.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openFifo } from '../../src/backends/bubblewrap/channel.ts'
import { BubblewrapBackend } from '../../src/backends/bubblewrap.ts'
import { describeBackend } from '../contract/backend.ts'
import { describeWhere } from '../support/available.ts'
import { confinement } from './bubblewrap-confinement.ts'
import { lifecycle } from './bubblewrap-lifecycle.ts'
import { name } from './bubblewrap-scenario.ts'
import { sharing } from './bubblewrap-sharing.ts'
import { streams } from './bubblewrap-streams.ts'

/** No such user need exist. */
const somebody = { uid: 12_345, gid: 12_346 }
const root = { uid: 0, gid: 0 }
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

const servers =
  self.uid === 0
    ? [
        { title: 'root, in a workspace of its own', server: root, owner: root },
        { title: 'root, in the workspace of another user', server: root, owner: somebody },
        { title: 'an ordinary user', server: somebody, owner: somebody },
      ]
    : [{ title: 'an ordinary user', server: self, owner: self }]

const scenarios = Object.keys({ ...streams, ...confinement, ...sharing, ...lifecycle })
  // In brackets: what other servers do within a scenario.
  .filter((scenario) => !scenario.startsWith('('))

let directory: string
let program: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-mcp-bubblewrap-'))
  chmodSync(directory, 0o755)
  program = join(directory, 'program.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'bubblewrap-program.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`,
    },
  })
  chmodSync(program, 0o644)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describeWhere('bubblewrap', 'bubblewrap', () => {
  describe.each(servers)('run by $title', ({ server, owner }) => {
    let base: string

    beforeEach(() => {
      base = mkdtempSync(join(directory, 'world-'))
      mkdirSync(join(base, 'workspace'))
      chmodSync(base, 0o755)
      if (self.uid !== 0) return
      chownSync(base, server.uid, server.gid)
      chownSync(join(base, 'workspace'), owner.uid, owner.gid)
    })
    afterEach(async () => {
      const settings = {
        network: 'none',
        extraReadOnly: [],
        runtimeDir: join(base, 'run'),
      } as const
      if (self.uid === 0) chownSync(base, 0, 0)
      await execa('chown', ['-R', String(self.uid), base])
      await new BubblewrapBackend(settings)
        .remove(name, AbortSignal.timeout(10_000))
        .catch(() => {})
      rmSync(base, { recursive: true, force: true })
    })

    test.each(scenarios)('%s', async (scenario) => {
      const secret = openSync('/', 'r')
      try {
        const nothing = Array.from({ length: 37 }, () => 'ignore' as const)
        await execa(process.execPath, [program, scenario, base], {
          ...server,
          cwd: '/',
          env: { SECRET: 'swordfish' },
          stdio: ['ignore', 'pipe', 'pipe', ...nothing, secret as 3],
          timeout: 25_000,
        })
      } finally {
        closeSync(secret)
      }
    })
  })
})

describeWhere('bubblewrap', 'bubblewrap', () => {
  const owners = self.uid === 0 ? [root, somebody] : [self]
  for (const owner of owners) {
    const make = async () => {
      const runtimeDir = mkdtempSync(join(directory, 'run-'))
      const newBackend = () =>
        new BubblewrapBackend({ network: 'none', extraReadOnly: [], runtimeDir })
      return {
        backend: newBackend(),
        other: newBackend(),
        end: (sandbox: string) => newBackend().remove(sandbox, AbortSignal.timeout(10_000)),
      }
    }
    const options = self.uid === 0 ? { owner } : {}
    describeBackend(`bubblewrap, uid ${owner.uid}`, make, options)
  }
})

test('only a FIFO is opened as one', async () => {
  const at = (file: string) => join(directory, file)
  await execa('mkfifo', [at('fifo')])
  writeFileSync(at('file'), '')
  symlinkSync('fifo', at('link'))
  closeSync(openFifo(at('fifo'), 'read'))
  expect(() => openFifo(at('fifo'), 'write')).toThrow('ENXIO')
  expect(() => openFifo(at('link'), 'read')).toThrow('ELOOP')
  expect(() => openFifo(at('file'), 'write')).toThrow('not a FIFO')
})
