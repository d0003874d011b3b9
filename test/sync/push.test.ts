/** What a push does in the sandbox, whether it is told its plan in words or reads it from the archive. */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { push } from '../../src/sync/push/push.ts'
import type { SyncChange } from '../../src/sync/reconcile/reconcile.ts'
import type { Entry } from '../../src/sync/snapshot.ts'
import { TransferProgress } from '../../src/sync/transfer-progress.ts'
import { treePath } from '../../src/tree.ts'
import { hastyShells, type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const never = new AbortController().signal
const context = { signal: never, report: () => {} }

const file = (content: string, executable = false): Entry => {
  const digest = createHash('sha256').update(content).digest('hex')
  return { kind: 'file', digest, executable }
}
const link = (target: string): Entry => ({ kind: 'link', target })
const directory: Entry = { kind: 'directory' }
const change = (path: string, before?: Entry, after?: Entry): SyncChange => ({
  path: treePath(path),
  before,
  after,
  ...(after?.kind === 'file' && { from: { side: 'host', path: treePath(path) } }),
})

let sandbox: LocalSandbox
afterEach(() => sandbox.remove())

const put = (path: string, content: string) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

const ways = { small: 0, large: 200_000 }
const { 'the environment': hasty } = hastyShells()
const all = { ...shells(), ...(hasty && { 'bash with a limit for read': hasty }) }
const cases = Object.entries(all).flatMap(([name, tools]) =>
  Object.entries(ways).map(([way, bytes]) => [name, way, tools, bytes] as const),
)

describe.each(cases)('%s, %s', (name, _, tools, bytes) => {
  const inside = (path: string) => join(sandbox.root, path)
  const onHost = (path: string) => join(sandbox.folder, 'host', path)
  const textOf = (path: string) => readFileSync(inside(path), 'utf8')

  /** `wrapped` are the lines of a tool that is run in the place of the one of that name, `real`. */
  const begin = (wrapped?: readonly [tool: string, text: (real: string) => string]) => {
    sandbox = localSandbox({ ...tools, beside: true })
    mkdirSync(onHost(''))
    if (wrapped === undefined) return
    const [tool, text] = wrapped
    const programs = join(sandbox.folder, 'programs')
    mkdirSync(programs)
    writeFileSync(join(programs, tool), `#!/bin/sh\n${text(`/usr/bin/${tool}`)}\n`, { mode: 0o755 })
    const { folder } = sandbox
    sandbox = localSandbox({ ...tools, path: `${programs}:${tools.path}`, folder, beside: true })
  }
  const send = async (changes: readonly SyncChange[]) => {
    const progress = new TransferProgress(context, 'sending', { files: changes.length })
    const source = { root: onHost(''), bytes, progress }
    const unmade = await push(channelScripts(sandbox), sandbox.root, changes, source, never)
    const { stale, refused, full } = unmade
    return {
      stale: [...stale].sort(),
      refused: [...refused.keys()].sort(),
      ...(full.size > 0 && { full: [...full].sort() }),
    }
  }
  const clean = { stale: [], refused: [] }
  const isClean = () => !readdirSync(sandbox.root).some((entry) => entry.startsWith('.sbx-'))

  test('every kind of change, in one', async () => {
    begin()
    const odd = `it's \\ $(x) "*"`
    for (const path of ['a', `d/${odd}`, 'd/e/gone', 'mode']) put(inside(path), 'old')
    for (const path of ['link', 'to file']) symlinkSync(`to ${odd}`, inside(path))
    for (const path of ['a', `d/${odd}`, 'new', `n/${odd}/m`, 'to file']) put(onHost(path), 'new')
    chmodSync(onHost('new'), 0o755)
    const result = await send([
      change('a', file('old'), file('new')),
      change(`d/${odd}`, file('old'), file('new')),
      change('d/e/gone', file('old')),
      change('d/e', directory),
      change('mode', file('old'), file('old', true)),
      change('link', link(`to ${odd}`), link(odd)),
      change('to file', link(`to ${odd}`), file('new')),
      change('new', undefined, file('new', true)),
      change('n', undefined, directory),
      change(`n/${odd}`, undefined, directory),
      change(`n/${odd}/m`, undefined, file('new')),
    ])
    expect(result).toEqual({ stale: [], refused: [] })
    for (const path of ['a', `d/${odd}`, 'new', `n/${odd}/m`, 'to file']) {
      expect(textOf(path)).toBe('new')
    }
    expect(readdirSync(inside('d'))).toEqual([odd])
    expect(readlinkSync(inside('link'))).toBe(odd)
    const isExecutable = (path: string) => (statSync(inside(path)).mode & 0o111) !== 0
    expect([isExecutable('mode'), isExecutable('new'), isExecutable('a')]).toEqual([
      true,
      true,
      false,
    ])
    expect(isClean()).toBe(true)
  })

  test('what is not as it is said to be stays, and all else is done', async () => {
    begin()
    for (const path of ['a', 'b', 'c', 'taken', 'now a file']) put(inside(path), 'theirs')
    symlinkSync('elsewhere', inside('link'))
    for (const path of ['a', 'b', 'taken', 'd/missing', 'fine']) put(onHost(path), 'ours')
    const changes = [
      change('a', file('old'), file('ours')),
      change('b', file('theirs'), file('ours')),
      change('c', file('old')),
      change('d/missing', file('old'), file('ours')),
      change('link', link('there'), link('here')),
      change('now a file', link('there'), link('here')),
      change('taken', undefined, file('ours')),
      change('fine', undefined, file('ours')),
    ]
    const stale = ['a', 'c', 'd/missing', 'link', 'now a file', 'taken']
    expect(await send(changes)).toEqual({ stale, refused: [] })
    for (const path of ['a', 'c', 'taken', 'now a file']) expect(textOf(path)).toBe('theirs')
    for (const path of ['b', 'fine']) expect(textOf(path)).toBe('ours')
    expect(readlinkSync(inside('link'))).toBe('elsewhere')
    expect(isClean()).toBe(true)
  })

  test('a directory makes room for a file where it is empty, and is told to be full where it is not', async () => {
    begin()
    for (const path of ['goes', 'makes room']) mkdirSync(inside(path))
    for (const path of ['stays/x', 'keeps room/x']) put(inside(path), 'theirs')
    for (const path of ['makes room', 'keeps room']) put(onHost(path), 'ours')
    const changes = [
      change('goes', directory),
      change('stays', directory),
      change('makes room', directory, file('ours')),
      change('keeps room', directory, file('ours')),
    ]
    const full = ['keeps room', 'stays']
    expect(await send(changes)).toEqual({ stale: ['keeps room'], refused: [], full })
    expect(readdirSync(sandbox.root).sort()).toEqual(['keeps room', 'makes room', 'stays'])
    expect(textOf('makes room')).toBe('ours')
    for (const path of ['stays/x', 'keeps room/x']) expect(textOf(path)).toBe('theirs')
  })

  // BusyBox runs its own tools, whatever PATH says.
  describe.skipIf(name === 'BusyBox')('while others are at work', () => {
    const replacing = async () => {
      put(inside('d/f'), 'old')
      put(onHost('d/f'), 'ours')
      return send([change('d/f', file('old'), file('ours'))])
    }

    test('what takes the place of a file that is kept already stays', async () => {
      begin(['ln', (real) => `${real} "$@"; mv ${sandbox.root}/theirs ${sandbox.root}/d/f`])
      put(inside('theirs'), 'theirs')
      expect(await replacing()).toEqual({ stale: ['d/f'], refused: [] })
      expect(textOf('d/f')).toBe('theirs')
      expect(isClean()).toBe(true)
    })

    test('what is written to a file that is replaced is not lost', async () => {
      begin(['mv', (real) => `exec 8>>${sandbox.root}/d/f; ${real} "$@"; echo theirs >&8`])
      expect(await replacing()).toEqual({ stale: ['d/f'], refused: [] })
      expect(textOf('d/f')).toMatch(/^old(theirs\n)+$/)
      expect(isClean()).toBe(true)
    })

    /** Puts a file or a directory with one, or a link, into the place of `at`, when `tool` is run first. */
    const becoming = (tool: string, what: 'file' | 'directory' | 'link', at: string) => {
      const made = {
        file: (path: string) => `echo theirs >${path}`,
        directory: (path: string) => `mkdir ${path}; echo theirs >${path}/new`,
        link: (path: string) => `ln -s theirs ${path}`,
      }
      begin([
        tool,
        (real) =>
          `if ! [ -e ${sandbox.folder}/once ]; then : >${sandbox.folder}/once; rm ${inside(at)}; ${made[what](inside(at))}; fi; ${real} "$@"`,
      ])
    }
    const theirs = (what: 'file' | 'directory' | 'link', at: string) =>
      what === 'link' ? readlinkSync(inside(at)) : textOf(what === 'file' ? at : `${at}/new`).trim()

    test.each([
      ['mv', 'directory', 'file', undefined],
      ['mv', 'link', 'file', undefined],
      ['mv', 'file', 'link', undefined],
      ['mv', 'directory', 'link', undefined],
      ['mv', 'link', 'link', undefined],
      ['ln', 'file', 'link', 'link'],
      ['ln', 'link', 'link', 'link'],
      ['ln', 'link', 'link', 'file'],
      ['ln', 'link', 'file', 'file'],
      ['ln', 'directory', 'file', 'file'],
    ] as const)(
      'by %s a %s is in the place of a %s that becomes %s: it stays',
      async (tool, what, before, after) => {
        becoming(tool, what, 'd/x')
        const entry = { file: file('old'), link: link('to') }
        mkdirSync(inside('d'))
        if (before === 'link') symlinkSync('to', inside('d/x'))
        else put(inside('d/x'), 'old')
        put(onHost('d/x'), 'ours')
        const wanted =
          after === undefined ? undefined : after === 'file' ? file('ours') : link('ours')
        const result = await send([change('d/x', entry[before], wanted)])
        expect(result).toEqual({ stale: ['d/x'], refused: [] })
        expect(theirs(what, 'd/x')).toBe('theirs')
        expect(isClean()).toBe(true)
      },
    )

    test('what was removed after somebody wrote to it is kept beside what has its place by then', async () => {
      begin([
        'mv',
        (real) =>
          `[ -e ${inside('new')} ] || echo written >>${inside('d/x')}; ${real} "$@"; [ -e ${inside('new')} ] || echo theirs | tee ${inside('new')} >${inside('d/x')}`,
      ])
      put(inside('d/x'), 'old ')
      expect(await send([change('d/x', file('old '))])).toEqual({ stale: ['d/x'], refused: [] })
      const [place, beside] = readdirSync(inside('d')).sort()
      expect([place, beside]).toEqual(['x', expect.stringMatching(/^x\.[0-9a-f]{32}$/)])
      expect([textOf('d/x'), textOf(`d/${beside}`)]).toEqual(['theirs\n', 'old written\n'])
    })

    test.each(['nothing', 'a file'] as const)(
      'what was removed with its directory after somebody wrote to it is there, with %s in the place of that',
      async (what) => {
        begin([
          'mv',
          (real) =>
            `[ -e ${sandbox.folder}/once ] || { : >${sandbox.folder}/once; echo written >>${inside('d/e/x')}; }; ${real} "$@"`,
        ])
        put(inside('d/e/x'), 'old ')
        put(onHost('d'), 'ours')
        const after = what === 'a file' ? file('ours') : undefined
        const changes = [
          change('d/e/x', file('old ')),
          change('d/e', directory),
          change('d', directory, after),
        ]
        expect(await send(changes)).toEqual({ stale: ['d/e/x'], refused: [] })
        const [place = '', beside] = readdirSync(sandbox.root).filter(
          (name) => !name.startsWith('x.'),
        )
        expect([place, beside]).toEqual(['d', undefined])
        const [kept] = readdirSync(sandbox.root).filter((name) => name.startsWith('x.'))
        expect(textOf(kept ?? 'd/e/x')).toBe('old written\n')
        if (after !== undefined) expect(textOf('d')).toBe('ours')
        expect(isClean()).toBe(true)
      },
    )

    test.each(['TERM', 'KILL'])(
      'what was written to what a push took away is there, where that is ended by %s',
      async (signal) => {
        const writes = (path: string) =>
          `[ ! -f ${inside(path)} ] || echo written >>${inside(path)}`
        begin([
          'mv',
          (real) =>
            `if [ -e ${sandbox.folder}/once ]; then exec ${real} "$@"; fi; : >${sandbox.folder}/once; ${writes('d/x')}; ${real} "$@"; kill -${signal} $PPID`,
        ])
        for (const after of [undefined, file('ours')]) {
          rmSync(join(sandbox.folder, 'once'), { force: true })
          put(inside('d/x'), 'old ')
          put(onHost('d/x'), 'ours')
          await expect(send([change('d/x', file('old '), after)])).rejects.toThrow()
          await sandbox.quiet()
          expect(await send([change('made', undefined, directory)])).toEqual(clean)
          rmdirSync(inside('made'))
          const [place = '', beside] = readdirSync(inside('d')).sort()
          expect([place, textOf(`d/${beside ?? place}`)]).toEqual(['x', 'old written\n'])
          if (after !== undefined) expect(textOf('d/x')).toBe('ours')
          expect(isClean()).toBe(true)
        }
      },
    )

    test('nothing more is taken away once another server has cleared away what is kept', async () => {
      begin([
        'mv',
        (real) =>
          `${real} "$@"; [ ! -e ${inside('e/y')} ] || { rm -rf ${inside('.sbx-')}*; echo theirs >${inside('e/y')}; }`,
      ])
      for (const path of ['d/x', 'e/y']) put(inside(path), 'old')
      const changes = [change('d/x', file('old')), change('e/y', file('old'))]
      await expect(send(changes)).rejects.toMatchObject({ code: 'SYNC_INTERRUPTED' })
      expect(textOf('e/y')).toBe('theirs\n')
      expect(isClean()).toBe(true)
    })

    test('digests take as long as they take', async () => {
      begin(['sha256sum', (real) => `sleep 0.3; ${real} "$@"`])
      expect(await replacing()).toEqual({ stale: [], refused: [] })
      expect(textOf('d/f')).toBe('ours')
    })

    test.each(['tar', 'mkdir'])('nothing is done or left where %s fails', async (tool) => {
      begin([tool, (real) => `${real} "$@"; exit 1`])
      put(inside('gone'), 'old')
      const both = Promise.all([replacing(), send([change('gone', file('old'))])])
      await expect(both).rejects.toMatchObject({ code: 'SYNC_INTERRUPTED' })
      await sandbox.quiet()
      expect([textOf('d/f'), textOf('gone')]).toEqual(['old', 'old'])
      expect(isClean()).toBe(true)
    })
  })
})
