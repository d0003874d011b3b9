/** Many changes of a tree in a sandbox, by one perl: all or none as by the script, and what it leaves to that. */
import { execFile, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Change, treePath } from '../../src/tree.ts'
import { lockName } from '../../src/trees/sandbox-lock-script.ts'
import { manyChanges, manyScript } from '../../src/trees/sandbox-many-changes.ts'
import { exits } from '../../src/trees/sandbox-scripts.ts'
import { SandboxTree } from '../../src/trees/sandbox-tree.ts'
import { change, was } from '../contract/tree-changes.ts'
import { localShells } from '../support/local-shells.ts'
import { declined, hasPerl } from '../support/perl-attendant.ts'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-many-')))
})
afterEach(() => rmSync(root, { recursive: true }))
const at = (name: string) => join(root, name)
const all = async () =>
  (await promisify(execFile)('sh', ['-c', 'find . | sort; grep -r "" . | sort'], { cwd: root }))
    .stdout

const names = Array.from({ length: 12 }, (_, i) => `d${i % 3}/f${i}`)
function fill(): void {
  for (const name of ['d0', 'd1', 'd2']) mkdirSync(at(name))
  for (const name of names) writeFileSync(at(name), name, { mode: 0o640 })
}

describe.runIf(hasPerl)('by perl alone', () => {
  /** Its exit code; `declined` where the script would go on. */
  function apply(changes: readonly Change[], edited = (script: string) => script): Promise<number> {
    const { script, stdin } = manyScript(root, changes, '', '', `cat >/dev/null; exit ${declined}`)
    const child = spawn('sh', ['-c', edited(script)], { cwd: '/', detached: true })
    child.stdin.on('error', () => {})
    child.stdin.end(Buffer.concat(stdin))
    return new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  }

  const several = () => [
    ...names.slice(0, 6).map((name) => change(name, was(name), `new ${name}\n`)),
    ...names.slice(6, 9).map((name) => change(name, was(name), null)),
    change("a/ä'\n$x", 'absent', 'made'),
    change('a/b/empty', 'anything', ''),
    change('not there', 'anything', null),
    {
      path: treePath('tool'),
      before: 'absent' as const,
      after: { bytes: Buffer.from('x'), executable: true },
    },
  ]

  test('does what is ordinary, and keeps rights', async () => {
    fill()
    expect(await apply(several())).toBe(0)
    const made = ['a', 'a/b', 'a/b/empty', "a/ä'", '$x', 'tool']
    const left = names.filter((_, i) => i < 6 || i > 8)
    const paths = [...made, 'd0', 'd1', 'd2', ...left]
    expect(
      (await all())
        .split('\n')
        .filter((line) => !line.includes(':'))
        .sort(),
    ).toEqual(
      ['', '.', "./a/ä'", ...paths.map((path) => (path === '$x' ? path : `./${path}`))].sort(),
    )
    for (const [i, name] of left.entries()) {
      expect(readFileSync(at(name), 'utf8')).toBe(i < 6 ? `new ${name}\n` : name)
    }
    expect(readFileSync(at("a/ä'\n$x"), 'utf8')).toBe('made')
    expect(statSync(at('d0/f0')).mode & 0o777).toBe(0o640)
    expect(statSync(at('tool')).mode & 0o777).toBe(0o777 & ~process.umask())
    expect(existsSync(`/tmp/${lockName(root, '')}`)).toBe(false)
  })

  test('wherever it is ended, it has taken back all of it', async () => {
    fill()
    const before = await all()
    const endedAt = (step: number) => (script: string) =>
      script.replace(
        'sub over { $over }',
        () => `my $left = ${step}; sub over { $over ||= !$left-- }`,
      )
    let step = 0
    for (; ; step++) {
      const code = await apply(several(), endedAt(step))
      if (code === 0) break
      expect(code).toBe(143)
      expect(await all()).toBe(before)
      expect(existsSync(`/tmp/${lockName(root, '')}`)).toBe(false)
    }
    // Once for each change, in each of three rounds, and before its turn.
    expect(step).toBe(3 * several().length + 1)
  })

  test('ended while the disk takes the new files, it waits for none but those that the disk has begun with', async () => {
    const before = await all()
    const log = `${root}-log`
    const file = '$staged[$i]{path}\n'
    const disk = `open my $log, '>>', '${log}'; syswrite $log, "${file}"; kill TERM => -getpgrp; select undef, undef, undef, 0.01 until $over; 1`
    const asked = (script: string) =>
      script.replace('$file->sync or', () => `do { ${disk.replaceAll("'", `'\\''`)} } or`)
    const made = Array.from({ length: 100 }, (_, i) => change(`f${i}`, 'absent', 'x'))
    expect(await apply(made, asked)).toBe(143)
    expect(readFileSync(log, 'utf8').split('\n').length - 1).toBeLessThanOrEqual(16)
    rmSync(log)
    expect(await all()).toBe(before)
  })

  const refused: Readonly<Record<string, () => Change>> = {
    'another content': () => change('d0/f9', was('other'), 'x'),
    'a file that should not be': () => change('d0/f9', 'absent', 'x'),
    'no file where one should be': () => change('d0/none', was('x'), 'x'),
    'no file where one should be, to delete': () => change('d0/none', was('x'), null),
    'content in a directory that is not there': () => change('no/f', was('f'), 'x'),
    'a directory': () => change('d1', 'anything', 'x'),
    'a link': () => change('link', 'anything', 'x'),
    'a link that is deleted': () => change('link', 'anything', null),
    'a way over a link': () => change('up/d0/f9', 'anything', 'x'),
    'a file as a directory': () => change('d0/f9/x', 'anything', 'x'),
  }
  test.each(Object.entries(refused))(
    'leaves %s to the script, and nothing behind',
    async (_, one) => {
      fill()
      symlinkSync('d0/f9', at('link'))
      symlinkSync('.', at('up'))
      const before = await all()
      expect(await apply([...several(), one()])).toBe(declined)
      expect(await all()).toBe(before)
      expect(existsSync(`/tmp/${lockName(root, '')}`)).toBe(false)
    },
  )

  test('a directory that becomes another one meanwhile is left alone', async () => {
    fill()
    const before = await all()
    const swap = `rename '${at('d2')}', '${at('was')}'; symlink '${at('was')}', '${at('d2')}'`
    const swapped = (script: string) =>
      script.replace(
        'sub put_all {',
        () =>
          `sub put_all { ${swap.replaceAll("'", `'\\''`)}; put_all_then(@_) }\nsub put_all_then {`,
      )
    expect(await apply(several(), swapped)).toBe(declined)
    rmSync(at('d2'))
    renameSync(at('was'), at('d2'))
    expect(await all()).toBe(before)
  })

  test.each(['d0/f0', 'd2/f8', 'tool'])(
    'what is written to %s after all were checked is left to the script, and kept',
    async (written) => {
      fill()
      const write = `open my $file, '>', '${at(written)}'; print $file 'theirs'; close $file`
      const late = (script: string) =>
        script.replace(
          'sub put_all {',
          () =>
            `sub put_all { ${write.replaceAll("'", `'\\''`)}; put_all_then(@_) }\nsub put_all_then {`,
        )
      expect(await apply(several(), late)).toBe(declined)
      expect(readFileSync(at(written), 'utf8')).toBe('theirs')
      for (const name of names)
        if (name !== written) expect(readFileSync(at(name), 'utf8')).toBe(name)
    },
  )

  /** Of a process as a lock says it. */
  const named = (pid: number) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '')
    return `${pid} ${stat.split(' ')[19]}\n`
  }
  const pause = 'select undef, undef, undef, 0.02;'

  test('waits for its turn, and needs no script when that has come', async () => {
    fill()
    const lock = `/tmp/${lockName(root, '')}`
    writeFileSync(lock, named(process.pid))
    const others = (script: string) =>
      script.replace(pause, () => `$main::waits++ < 3 or unlink "${lock}";`)
    expect(await apply(several(), others)).toBe(0)
    expect(readFileSync(at('d0/f0'), 'utf8')).toBe('new d0/f0\n')
    expect(existsSync(lock)).toBe(false)
  })

  test.each([
    ['does not come is told', () => named(process.pid), exits.busy],
    ['was taken by one that is gone is left to the script', () => `${process.pid} 1\n`, declined],
    ['was taken by one without a name is left to the script', () => '', declined],
  ])('a turn that %s, and nothing is left behind', async (_, holder, code) => {
    fill()
    const before = await all()
    const lock = `/tmp/${lockName(root, '')}`
    writeFileSync(lock, holder())
    const soon = (script: string) => script.replace(pause, '')
    expect(await apply(several(), soon)).toBe(code)
    expect(await all()).toBe(before)
    expect(readFileSync(lock, 'utf8')).toBe(holder())
    rmSync(lock)
  })

  test('ended while it waits for its turn, it has taken back all of it', async () => {
    fill()
    const before = await all()
    const lock = `/tmp/${lockName(root, '')}`
    writeFileSync(lock, named(process.pid))
    const ended = (script: string) => script.replace(pause, () => 'kill TERM => $$;')
    expect(await apply(several(), ended)).toBe(143)
    expect(await all()).toBe(before)
    rmSync(lock)
  })

  test('what did not arrive whole is not written, and waits for nobody', async () => {
    fill()
    const before = await all()
    const { script, stdin } = manyScript(root, several(), '', '', 'exit 1')
    for (const length of [10, Buffer.concat(stdin).length - 1]) {
      const child = spawn('sh', ['-c', script], { cwd: '/' })
      child.stdin.end(Buffer.concat(stdin).subarray(0, length))
      const code = await new Promise((resolve) => child.once('close', resolve))
      expect(code).not.toBe(0)
      expect(await all()).toBe(before)
    }
  })
})

for (const [shell, scripts] of Object.entries(await localShells())) {
  describe(`SandboxTree by ${shell}, many at once`, () => {
    test('tells which are stale, of those that perl leaves to the script too', async () => {
      fill()
      const tree = new SandboxTree(scripts, { root })
      expect(names.length).toBeGreaterThanOrEqual(manyChanges)
      const before = await all()
      const changes = names.map((name, i) => change(name, i % 5 ? was(name) : was(''), 'new'))
      await expect(tree.apply(changes)).rejects.toMatchObject({
        code: 'FILE_STALE',
        message: expect.stringContaining('"d0/f0", "d2/f5", "d1/f10"'),
      })
      expect(await all()).toBe(before)
      symlinkSync('d0', at('link'))
      const over = names.map((name) => change(name.replace('d0', 'link'), was(name), 'new\n'))
      await tree.apply(over)
      rmSync(at('link'))
      expect(await all()).toBe(before.replaceAll(/:.*/g, ':new'))
    })

    const numbers = Array.from({ length: 150 }, (_, i) => i)
    /** Over a link: what is behind one is the script's. */
    function fillDeep(): { readonly deep: string; readonly changes: readonly Change[] } {
      const deep = ['a', 'b', 'c'].map((letter) => letter.repeat(200)).join('/')
      mkdirSync(at(deep), { recursive: true })
      for (const i of numbers) writeFileSync(at(`${deep}/${i}`), 'old')
      symlinkSync(deep, at('link'))
      return { deep, changes: numbers.map((i) => change(`link/${i}`, was('old'), 'new')) }
    }

    test('as many over a link as make a long list of places are told apart', async () => {
      const { deep, changes } = fillDeep()
      const tree = new SandboxTree(scripts, { root })
      const same = change(`${deep}/7`, was('old'), 'twice')
      await expect(tree.apply([...changes, same])).rejects.toMatchObject({
        code: 'ARGUMENT_INVALID',
        message: expect.stringContaining('and "link/7" are the same file'),
      })
      await tree.apply(changes)
      for (const i of numbers) expect(readFileSync(at(`${deep}/${i}`), 'utf8')).toBe('new')
    })

    test('more names than one program takes are cleared away, whether it went well or not', async () => {
      // A quarter of the stack is what the words of a program may have, and not less than 128 KiB.
      const crowded: typeof scripts = (script, stdin, signal, functions = '') =>
        scripts(script, stdin, signal, `ulimit -s 512\n${functions}`)
      const tree = new SandboxTree(crowded, { root })
      const { deep, changes } = fillDeep()
      const stale = change('link/0', was('other'), 'new')
      await expect(tree.apply([...changes.slice(1), stale])).rejects.toMatchObject({
        code: 'FILE_STALE',
      })
      await tree.apply(changes)
      expect(readdirSync(at(deep)).sort()).toEqual(numbers.map(String).sort())
      expect(existsSync(`/tmp/${lockName(root, '')}`)).toBe(false)
    })

    test('reads them together, each as if it were read alone', async () => {
      fill()
      const large = 'large'.repeat(60_000)
      writeFileSync(at('large'), large)
      writeFileSync(at('empty'), '')
      writeFileSync(at('bytes'), Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256)))
      chmodSync(at('bytes'), 0o755)
      symlinkSync('/etc/hostname', at('out'))
      let started = 0
      const counted: typeof scripts = (...script) => {
        started += 1
        return scripts(...script)
      }
      const one = new SandboxTree(scripts, { root })
      const tree = new SandboxTree(counted, { root })
      const asked = [...names, 'large', 'empty', 'none', 'd0', 'bytes', 'out', 'd0/f0/x', "q'"]
      const range = { offset: 0, length: 8 * 1024 * 1024 }
      const read = (from: SandboxTree, path: string) =>
        from.read(treePath(path), range).catch(({ code, message }) => ({ code, message }))
      const many = await Promise.all(asked.map((path) => read(tree, path)))
      for (const [i, path] of asked.entries()) expect(many[i]).toEqual(await read(one, path))
      // Three alone, one for the others, and one for what is too large for that.
      expect(started).toBeLessThanOrEqual(6)
    })
  })
}
