import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { treePath } from '../../src/tree.ts'
import { SandboxTree, type ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { increment } from '../contract/increment.ts'
import { describeTree } from '../contract/tree.ts'
import { change, create, text, was } from '../contract/tree-changes.ts'
import { localShells } from '../support/local-shells.ts'
import { describeHostilePaths } from './hostile-paths.ts'

const run = promisify(execFile)

/** Of several megabytes. */
const kernelFile = 'proc/kallsyms'
/** Of one line, and of a page by what it says. */
const kernelLine = 'sys/class/net/lo/address'

const shells = await localShells()
test.runIf(process.env.CI)('BusyBox is here, so that its scripts are tested', () => {
  expect(shells).toHaveProperty('BusyBox')
})

for (const [shell, scripts] of Object.entries(shells)) {
  const name = `SandboxTree by ${shell}`
  describeTree(name, async () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-tree-')))
    return {
      tree: new SandboxTree(scripts, { root }),
      sh: async (script) => (await run('/bin/sh', ['-c', script], { cwd: root })).stdout,
      incrementElsewhere: (file, times) =>
        increment(new SandboxTree(scripts, { root }), file, times),
      close: async () => rmSync(root, { recursive: true }),
    }
  })
  describeHostilePaths(name, (root) => new SandboxTree(scripts, { root }))

  describe(name, () => {
    const inFolder = async (use: (root: string) => Promise<void>) => {
      const root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-script-')))
      await use(root).finally(() => rmSync(root, { recursive: true }))
    }

    test('reaches everything from /', () =>
      inFolder(async (folder) => {
        const tree = new SandboxTree(scripts, { root: '/' })
        const path = (name: string) => join(folder, name).slice(1)
        await run('ln', ['-s', '../../../../../../../..', join(folder, 'up')])
        await create(tree, path('f'), 'x')
        await tree.apply([change(path(`up/${path('f')}`), was('x'), 'y')])
        expect(await text(tree, path('f'))).toBe('y')
        expect(await text(tree, 'proc/self/status')).toMatch(/^Name:/)
        const part = await tree.read(treePath('proc/self/status'), { offset: 2, length: 3 })
        expect(part.bytes.toString()).toBe('me:')
        expect((await tree.list(treePath(folder.slice(1)))).map((e) => e.name)).toEqual(['f', 'up'])
      }))

    test.runIf(existsSync(`/${kernelFile}`))(
      'a part of a file of the kernel is whole',
      async () => {
        const tree = new SandboxTree(scripts, { root: '/' })
        const expected = readFileSync(`/${kernelFile}`)
        // The kernel gives a few kilobytes at a time.
        for (const offset of [0, 50_001]) {
          const { bytes } = await tree.read(treePath(kernelFile), { offset, length: 200_000 })
          expect(bytes.equals(expected.subarray(offset, offset + 200_000))).toBe(true)
        }
      },
    )

    test.runIf(existsSync(`/${kernelLine}`))(
      'a file of the kernel ends where its content does, whatever size it says',
      async () => {
        const tree = new SandboxTree(scripts, { root: '/' })
        const { length: size } = readFileSync(`/${kernelLine}`)
        expect(statSync(`/${kernelLine}`).size).not.toBe(size)
        for (const offset of [0, size - 2, size]) {
          const part = await tree.read(treePath(kernelLine), { offset, length: 100_000 })
          expect(part).toMatchObject({ size, bytes: { length: size - offset } })
        }
        expect((await tree.read(treePath(kernelLine), { offset: 0, length: 2 })).bytes.length).toBe(
          2,
        )
      },
    )

    test('a file that goes away while it is read is missing', () =>
      inFolder(async (root) => {
        writeFileSync(join(root, 'f'), 'old')
        // Its bytes can be read from then on, and its facts cannot.
        const gone = 'facts() { exec stat -c %f ./gone; }; '
        const racing: ScriptRunner = (script, ...rest) => scripts(gone + script, ...rest)
        const tree = new SandboxTree(racing, { root })
        for (const range of [undefined, { offset: 0, length: 0 }, { offset: 0, length: 3 }]) {
          const reading = tree.read(treePath('f'), range)
          await expect(reading).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
        }
      }))

    test('a file whose rights are changed while it is written keeps the new ones', () =>
      inFolder(async (root) => {
        const at = (name: string) => join(root, name)
        for (const name of ['f', 'g']) writeFileSync(at(name), 'old', { mode: 0o644 })
        for (const [mode, ...names] of [
          ['755', 'f'],
          ['4750', 'f'],
          ['700', 'f', 'g'],
        ] as const) {
          // What is there is looked at once the new content is on the disk.
          const files = names.map((name) => `'${at(name)}'`).join(' ')
          const racing: ScriptRunner = (script, ...rest) =>
            scripts(
              `sha256sum() { chmod ${mode} ${files}; command sha256sum; }; ${script}`,
              ...rest,
            )
          const tree = new SandboxTree(racing, { root })
          const befores = names.map((name) => was(readFileSync(at(name), 'utf8')))
          await tree.apply(names.map((name, i) => change(name, befores[i] ?? 'absent', mode)))
          for (const name of names) {
            expect(readFileSync(at(name), 'utf8')).toBe(mode)
            expect((statSync(at(name)).mode & 0o7777).toString(8)).toBe(mode.slice(-3))
          }
        }
        expect((await run('ls', ['-A', root])).stdout).toBe('f\ng\n')
      }))

    test.each([
      ['written to', 'b', "printf 'theirs\\n' >b", 'FILE_STALE'],
      ['replaced', 'b', "printf 'theirs\\n' >n; mv n b", 'FILE_STALE'],
      ['replaced by a link', 'b', 'ln -sf a b', 'FILE_STALE'],
      ['removed', 'b', 'rm b', 'FILE_STALE'],
      ['written to before it is deleted', 'c', "printf 'theirs\\n' >c", 'FILE_STALE'],
      ['made', 'd', "printf 'theirs\\n' >d", 'FILE_EXISTS'],
    ])('of several that were all checked, what is then %s is kept', (_, name, theirs, code) =>
      inFolder(async (root) => {
        const meanwhile = `(cd '${root}'; ${theirs})`
        const fill = 'for f in a b c; do printf $f >$f; done'
        const look = 'ls -l | cut -c1; for f in *; do echo $f; cat $f; done'
        const sh = async (...lines: string[]) =>
          (await run('sh', ['-c', lines.join('\n')], { cwd: root })).stdout
        const expected = await sh(fill, theirs, look, 'rm *', fill)
        const late: ScriptRunner = (script, ...rest) =>
          scripts(`checked() { ${meanwhile}; }; ${script}`, ...rest)
        const changes = [
          change('a', was('a'), 'new'),
          change('b', was('b'), 'new'),
          change('c', was('c'), null),
          change('d', 'absent', 'new'),
          change('e', 'anything', 'new'),
        ]
        const message = expect.stringContaining(`"${name}"`)
        const applying = new SandboxTree(late, { root }).apply(changes)
        await expect(applying).rejects.toMatchObject({ code, message })
        expect(await sh(look)).toBe(expected)
      }),
    )

    test('content that did not arrive whole is not written', () =>
      inFolder(async (root) => {
        writeFileSync(join(root, 'f'), 'old')
        const cut: ScriptRunner = (script, stdin, ...rest) =>
          scripts(script, stdin && (stdin as Uint8Array).subarray(0, 2), ...rest)
        const tree = new SandboxTree(cut, { root })
        const changes = [change('f', was('old'), 'new'), change('d/g', 'absent', 'new')]
        for (const some of [changes, changes.slice(1)]) {
          await expect(tree.apply(some)).rejects.toMatchObject({
            code: 'FILE_DENIED',
            message: expect.stringContaining('did not arrive whole'),
          })
        }
        expect((await run('ls', ['-A', root])).stdout).toBe('f\n')
        expect(await text(tree, 'f')).toBe('old')
      }))

    /** Changes of several kinds, by scripts that begin with `ending`; true when they were not ended. */
    async function applied(root: string, ending: string, count = 4): Promise<boolean> {
      rmSync(root, { recursive: true })
      mkdirSync(root)
      for (const name of ['one', 'two', 'four']) writeFileSync(join(root, name), 'old')
      const tree = new SandboxTree((script, ...rest) => scripts(ending + script, ...rest), { root })
      const changes = [
        change('one', 'anything', 'new'),
        change('two', 'anything', null),
        change('d/three', 'absent', 'new'),
        change('four', 'anything', 'new'),
      ]
      return tree.apply(changes.slice(0, count)).then(
        () => true,
        () => false,
      )
    }
    const all = async (root: string) => (await run('grep', ['-r', '', '.'], { cwd: root })).stdout
    const sorted = (lines: string) => lines.trim().split('\n').sort()

    test('one that is ended right after a rename takes that back too, and what was before it', () =>
      inFolder(async (root) => {
        const isWhole = async (nth: number, count?: number) => {
          const asked = `[ $((sbx_n -= 1)) -ne 0 ] || { kill -TERM $$; return 143; }`
          const mv = `sbx_n=${nth}; mv() { command mv "$@" || return; ${asked}; }; `
          return applied(root, mv, count)
        }
        let nth = 1
        for (; !(await isWhole(nth)); nth++) {
          expect(sorted(await all(root))).toEqual(['./four:old', './one:old', './two:old'])
          expect(existsSync(join(root, 'd'))).toBe(false)
        }
        expect(nth).toBe(5)
        expect(sorted(await all(root))).toEqual(['./d/three:new', './four:new', './one:new'])
        // One alone is done by its rename, and there is nothing of it to take back.
        await isWhole(1, 1)
        expect(sorted(await all(root))).toEqual(['./four:old', './one:new', './two:old'])
      }))

    test('one alone that is ended while it is renamed is done, and told so', () =>
      inFolder(async (root) => {
        writeFileSync(join(root, 'f'), 'old')
        const ended =
          'mv() { kill -TERM $$; command mv "$@"; }; rm() { kill -TERM $$; command rm "$@"; }; '
        const racing: ScriptRunner = (script, ...rest) => scripts(ended + script, ...rest)
        const tree = new SandboxTree(racing, { root })
        await tree.apply([change('f', was('old'), 'new')])
        expect(await text(tree, 'f')).toBe('new')
        await tree.apply([change('f', was('new'), null)])
        expect((await run('ls', ['-A', root])).stdout).toBe('')
      }))

    test('several that are ended when all are in place are done, and told so', () =>
      inFolder(async (root) => {
        const late: ScriptRunner = (script, ...rest) =>
          scripts(
            script.replace('finished=1\n', () => 'finished=1; kill -TERM $$\n'),
            ...rest,
          )
        const tree = new SandboxTree(late, { root })
        await tree.apply([change('a', 'absent', 'one'), change('b', 'absent', 'two')])
        expect((await run('ls', ['-A', root])).stdout).toBe('a\nb\n')
      }))

    test('one that is ended when it has done its work leaves nothing beside it', () =>
      inFolder(async (root) => {
        await applied(root, 'rm() { kill -TERM $$; command rm "$@"; }; ')
        expect(sorted(await all(root))).toEqual(['./d/three:new', './four:new', './one:new'])
      }))

    test('a writer that died keeps nobody waiting', () =>
      inFolder(async (root) => {
        const tree = new SandboxTree(scripts, { root })
        let lock = ''
        const spy: ScriptRunner = (script, ...rest) => {
          lock = `/tmp/${/^begin \S+ (\S+)$/m.exec(script)?.[1]}`
          return scripts(script, ...rest)
        }
        await create(new SandboxTree(spy, { root }), 'f', 'x')
        expect(existsSync(lock)).toBe(false)
        // Our own process is alive, and started at another time: its number was used again.
        for (const holder of ['999999 12345', `${process.pid} 1`]) {
          writeFileSync(lock, `${holder}\n`)
          await tree.apply([change('f', 'anything', holder)])
          expect(await text(tree, 'f')).toBe(holder)
          expect(existsSync(lock)).toBe(false)
        }
      }))

    test('a root that is a link is the directory it leads to', () =>
      inFolder(async (folder) => {
        mkdirSync(join(folder, 'real'))
        await run('ln', ['-s', 'real', join(folder, 'root')])
        const tree = new SandboxTree(scripts, { root: join(folder, 'root/') })
        await run('ln', ['-s', join(folder, 'root/f'), join(folder, 'real/l')])
        await create(tree, 'l', 'x')
        expect(await text(tree, 'f')).toBe('x')
      }))
  })
}

test('a script that reads and is killed is run again; one that changes files is not, and may have done it', async () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-killed-')))
  const scripts = Object.values(shells)[0] as ScriptRunner
  let kills = 1
  const killed: ScriptRunner = async (...script) => {
    const result = await scripts(...script)
    return kills-- > 0 ? { ...result, code: 137, stdout: Buffer.alloc(0) } : result
  }
  const tree = new SandboxTree(killed, { root })
  writeFileSync(join(root, 'a'), 'old')
  expect(await text(tree, 'a')).toBe('old')
  kills = 2
  await expect(tree.read(treePath('a'))).rejects.toMatchObject({ code: 'FILE_DENIED' })
  kills = 1
  await expect(tree.apply([change('a', was('old'), 'new')])).rejects.toMatchObject({
    code: 'COMMAND_NOT_STARTED',
    message:
      'the command may have begun, or may yet run for a moment: what changes files in the sandbox was ended there (exit code 137)',
  })
  expect(readFileSync(join(root, 'a'), 'utf8')).toBe('new')
  rmSync(root, { recursive: true })
})
