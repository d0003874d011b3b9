/** write on the files of a directory: what is kept, what is made, what is said. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { callTool } from '../../src/mcp/call-tool.ts'
import type { Tool } from '../../src/tools/tool.ts'
import { write } from '../../src/tools/write.ts'
import { contentsOf } from '../support/directory-contents.ts'
import { describeFiles, type FilePlace, hostPlace } from '../support/file-places.ts'

function setUp(place: FilePlace) {
  const call = async (path: string, content: string) => {
    place.ready()
    const result = await callTool(
      write as unknown as Tool,
      { path, content },
      {
        session: place.session,
        signal: new AbortController().signal,
        progress: () => {},
      },
    )
    const [block] = result.content
    return { text: block?.type === 'text' ? block.text : '', facts: result.structuredContent }
  }
  return { ...place, call }
}

describeFiles('write', (newPlace) => {
  test('a new file is made, with its directories, as the umask says', async () => {
    const { root, call } = setUp(newPlace())
    const { text, facts } = await call('a/b/c.txt', 'caf\u00e9\n')
    expect(text).toBe('Created a/b/c.txt, 6 bytes.')
    expect(facts).toEqual({ path: 'a/b/c.txt', bytes: 6, created: true, changed: true })
    expect(readFileSync(join(root, 'a/b/c.txt'), 'utf8')).toBe('caf\u00e9\n')
    expect(statSync(join(root, 'a/b/c.txt')).mode & 0o777).toBe(0o666 & ~process.umask())
    expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o777 & ~process.umask())
  })

  test('the same content is no change, and nothing is written', async () => {
    const { root, call } = setUp(newPlace())
    const path = join(root, 'same')
    writeFileSync(path, 'content')
    utimesSync(path, 1, 1)
    const { text, facts } = await call('same', 'content')
    expect(text).toBe('No change: same has this content already.')
    expect(facts).toMatchObject({ created: false, changed: false })
    expect(statSync(path).mtimeMs).toBe(1_000)
    expect((await call('same', 'conten')).facts).toMatchObject({ changed: true })
    expect((await call('same', 'content')).facts).toMatchObject({ changed: true })
  })

  test('an empty file can be made and found the same', async () => {
    const { call } = setUp(newPlace())
    expect((await call('empty', '')).facts).toMatchObject({ bytes: 0, created: true })
    expect((await call('empty', '')).facts).toMatchObject({ created: false, changed: false })
  })

  test('bytes are what was given: CRLF, byte order mark, no newline at the end, NUL', async () => {
    const { root, call } = setUp(newPlace())
    const content = '\ufeffa\r\nb\0\u2028\u{1f600}'
    await call('f', content)
    expect(readFileSync(join(root, 'f'), 'utf8')).toBe(content)
  })

  test('an absolute path is a file of the sandbox', async () => {
    const { root, inside, call } = setUp(newPlace())
    mkdirSync(join(inside, 'tmp'))
    expect((await call('/tmp/x', '1')).text).toBe('Created /tmp/x, 1 bytes.')
    expect((await call('/workspace/x', '2')).text).toBe('Created x, 1 bytes.')
    expect(contentsOf(inside)).toEqual({ 'tmp/x': '1' })
    expect(contentsOf(root)).toEqual({ x: '2' })
  })

  test('what cannot be written is told, and nothing is', async () => {
    const { root, call } = setUp(newPlace())
    mkdirSync(join(root, 'd'))
    writeFileSync(join(root, 'file'), 'x')
    const before = contentsOf(root)
    expect((await call('d', 'x')).text).toMatch(/^NOT_A_FILE: "d" is a directory/)
    expect((await call('.', 'x')).text).toMatch(/^NOT_A_FILE/)
    expect((await call('file/below', 'x')).text).toMatch(/^NOT_A_FILE/)
    expect((await call('../out', 'x')).text).toMatch(/^PATH_OUTSIDE/)
    expect((await call('half', '\ud800')).text).toMatch(/^ARGUMENT_INVALID: content holds half/)
    expect(contentsOf(root)).toEqual(before)
  })
})

test('a file that exists keeps its mode and its owner', async () => {
  const { root, call } = setUp(hostPlace())
  const path = join(root, 'tool.sh')
  writeFileSync(path, 'old')
  if (process.getuid?.() === 0) chownSync(path, 4321, 4322)
  chmodSync(path, 0o751)
  const { uid, gid } = statSync(path)
  const { text, facts } = await call('tool.sh', 'new')
  expect(text).toBe('Replaced tool.sh, 3 bytes.')
  expect(facts).toMatchObject({ created: false, changed: true })
  expect(statSync(path)).toMatchObject({ uid, gid, mode: 0o100751 })
})
