/** Bad input, as a client sees it: a code, the value, the next step, and a workspace byte for byte as before. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import {
  newWorld,
  type RunningServer,
  startServer,
  textOf,
  type World,
} from '../support/stdio-server.ts'

interface Row {
  readonly title: string
  readonly tool: string
  readonly args: object
  readonly code: string
  /** Parts of the text that the model reads: the value, and what to do. */
  readonly says: readonly (string | RegExp)[]
}

const patch = (...lines: string[]) => ({
  input: ['*** Begin Patch', ...lines, '*** End Patch'].join('\n'),
})

const rows: readonly Row[] = [
  {
    title: 'read: a path that leads out',
    tool: 'read',
    args: { path: '../secret.txt' },
    code: 'PATH_OUTSIDE',
    says: ['"../secret.txt"', 'inside the workspace'],
  },
  {
    title: 'read: a link that leads out',
    tool: 'read',
    args: { path: 'leads-out' },
    code: 'PATH_OUTSIDE',
    says: ['"leads-out"'],
  },
  {
    title: 'write: through a link to a place outside that is not there yet',
    tool: 'write',
    args: { path: 'leads-to-new', content: 'x' },
    code: 'PATH_OUTSIDE',
    says: ['"leads-to-new"'],
  },
  {
    title: 'write: a directory where a file is meant',
    tool: 'write',
    args: { path: 'src', content: 'x' },
    code: 'NOT_A_FILE',
    says: ['"src"', 'directory'],
  },
  {
    title: 'edit: a directory where a file is meant',
    tool: 'edit',
    args: { path: 'src', edits: [{ oldText: 'a', newText: 'b' }] },
    code: 'NOT_A_FILE',
    says: ['"src"', 'directory'],
  },
  {
    title: 'write: a file where a directory is meant',
    tool: 'write',
    args: { path: 'twice.txt/x', content: 'x' },
    code: 'NOT_A_FILE',
    says: ['used as a directory'],
  },
  {
    title: 'read: a file that is missing',
    tool: 'read',
    args: { path: 'nowhere.txt' },
    code: 'FILE_NOT_FOUND',
    says: ['"nowhere.txt"', 'List the directory'],
  },
  {
    title: 'edit: a file that is missing',
    tool: 'edit',
    args: { path: 'nowhere.txt', edits: [{ oldText: 'a', newText: 'b' }] },
    code: 'FILE_NOT_FOUND',
    says: ['"nowhere.txt"'],
  },
  {
    title: 'read: a binary file',
    tool: 'read',
    args: { path: 'program' },
    code: 'FILE_BINARY',
    says: ['"program"', 'ELF', 'exec'],
  },
  {
    title: 'edit: a binary file',
    tool: 'edit',
    args: { path: 'program', edits: [{ oldText: 'ELF', newText: 'b' }] },
    code: 'FILE_BINARY',
    says: ['"program"'],
  },
  {
    title: 'edit: a file that is too large',
    tool: 'edit',
    args: { path: 'huge.txt', edits: [{ oldText: 'a', newText: 'b' }] },
    code: 'FILE_TOO_LARGE',
    says: ['"huge.txt"', /\d{9} bytes/, 'exec'],
  },
  {
    title: 'edit: a text that is there twice',
    tool: 'edit',
    args: { path: 'twice.txt', edits: [{ oldText: 'same', newText: 'b' }] },
    code: 'EDIT_NO_MATCH',
    says: [/lines? 1.*3/, 'replaceAll'],
  },
  {
    title: 'edit: a text that is not there, beside one that is',
    tool: 'edit',
    args: {
      path: 'twice.txt',
      edits: [
        { oldText: 'other', newText: 'changed' },
        { oldText: 'absent', newText: 'b' },
      ],
    },
    code: 'EDIT_NO_MATCH',
    says: ['edits[1]', 'twice.txt'],
  },
  {
    title: 'edit: no edits',
    tool: 'edit',
    args: { path: 'twice.txt', edits: [] },
    code: 'ARGUMENT_INVALID',
    says: ['edits'],
  },
  {
    title: 'apply_patch: a line that is none of the grammar',
    tool: 'apply_patch',
    args: patch('*** Frobnicate File: x'),
    code: 'PATCH_INVALID',
    says: ['line 2', '*** Frobnicate File: x', '*** Add File: '],
  },
  {
    title: 'apply_patch: one hunk of two files that does not fit',
    tool: 'apply_patch',
    args: patch(
      '*** Update File: src/a.txt',
      '@@',
      '-one',
      '+1',
      '*** Update File: twice.txt',
      '@@',
      '-absent',
      '+x',
    ),
    code: 'EDIT_NO_MATCH',
    says: ['twice.txt', /nothing was written/i],
  },
  {
    title: 'apply_patch: a file that is there already',
    tool: 'apply_patch',
    args: patch('*** Add File: new.txt', '+new', '*** Add File: src/a.txt', '+x'),
    code: 'FILE_EXISTS',
    says: ['src/a.txt'],
  },
  {
    title: 'apply_patch: a path that leads out, beside one that does not',
    tool: 'apply_patch',
    args: patch('*** Add File: new.txt', '+new', '*** Delete File: ../secret.txt'),
    code: 'PATH_OUTSIDE',
    says: ['../secret.txt'],
  },
  {
    title: 'apply_patch: a move that leads out',
    tool: 'apply_patch',
    args: patch('*** Update File: src/a.txt', '*** Move to: ../b.txt', '@@', '-one', '+1'),
    code: 'PATH_OUTSIDE',
    says: ['../b.txt'],
  },
  {
    title: 'exec: an empty command',
    tool: 'exec',
    args: { command: ' \n' },
    code: 'ARGUMENT_INVALID',
    says: ['command is empty'],
  },
  {
    title: 'exec: a working directory that is not there',
    tool: 'exec',
    args: { command: 'touch ran', workdir: 'nowhere' },
    code: 'COMMAND_NOT_STARTED',
    says: ['/workspace/nowhere', 'not started'],
  },
  {
    title: 'exec: a working directory that leads out',
    tool: 'exec',
    args: { command: 'touch ran', workdir: '../..' },
    code: 'PATH_OUTSIDE',
    says: ['../..'],
  },
  {
    title: 'exec: a variable name that is none',
    tool: 'exec',
    args: { command: 'touch ran', env: { 'A;touch ran': '1' } },
    code: 'ARGUMENT_INVALID',
    says: ['A;touch ran'],
  },
  {
    title: 'process: an id that is none of this session',
    tool: 'process',
    args: { action: 'poll', id: 'x' },
    code: 'PROCESS_NOT_FOUND',
    says: ['"x"', 'list'],
  },
  {
    title: 'an argument of the wrong type',
    tool: 'read',
    args: { path: 7 },
    code: 'ARGUMENT_INVALID',
    says: ['path', 'expected string'],
  },
  {
    title: 'an argument that does not exist',
    tool: 'read',
    args: { path: 'src/a.txt', lines: 3 },
    code: 'ARGUMENT_INVALID',
    says: ['lines', 'offset, limit'],
  },
]

describeWhere('bubblewrap', 'bad input', () => {
  let world: World
  let server: RunningServer

  /** Every path, kind, mode, time and content, beside the workspace too. */
  const everything = () =>
    execFileSync(
      'sh',
      [
        '-c',
        'find .. -path ../tmp -prune -o -path ../state -prune -o -printf "%p %y %m %T@ %l\\n" | sort; find . -type f -size -10M -exec sha256sum {} +',
      ],
      { cwd: world.workspace, encoding: 'utf8' },
    )

  beforeAll(async () => {
    world = newWorld()
    const file = (path: string, content: string | Buffer) =>
      writeFileSync(join(world.workspace, path), content)
    mkdirSync(join(world.workspace, 'src'))
    file('src/a.txt', 'one\ntwo\n')
    file('twice.txt', 'same\nother\nsame\n')
    file('program', Buffer.from('\x7fELF\x02\x01\x01\0\0\0', 'latin1'))
    file('huge.txt', 'a')
    truncateSync(join(world.workspace, 'huge.txt'), 200_000_000)
    file('../secret.txt', 'secret')
    symlinkSync('../secret.txt', join(world.workspace, 'leads-out'))
    symlinkSync('../new.txt', join(world.workspace, 'leads-to-new'))
    server = await startServer(world, ['--backend', 'bubblewrap', '--ephemeral'])
  })
  afterAll(async () => {
    await server.close()
    world.remove()
  })

  for (const { title, tool, args, code, says } of rows) {
    test(title, async () => {
      const before = everything()
      const result = await server.call(tool, args)
      const text = textOf(result)
      expect(text).toMatch(new RegExp(`^${code}: `))
      for (const part of says) {
        if (typeof part === 'string') expect(text).toContain(part)
        else expect(text).toMatch(part)
      }
      expect(text).not.toContain(world.workspace)
      expect(result.isError).toBe(true)
      expect(result.structuredContent).toMatchObject({ code, hint: expect.stringMatching(/\S/) })
      expect(everything()).toBe(before)
    })
  }
})

test('an engine that is down', async () => {
  const world = newWorld()
  world.env.DOCKER_HOST = `unix://${world.temporary}/no.sock`
  const server = await startServer(world, ['--backend', 'docker'])
  const result = await server.call('exec', { command: 'true' })
  expect(textOf(result)).toMatch(/^BACKEND_UNAVAILABLE: no Docker engine .*\nStart Docker/s)
  // Files of the workspace need no engine.
  await server.call('write', { path: 'a.txt', content: 'a' })
  expect(textOf(await server.call('read', { path: 'a.txt' }))).toBe('a')
  await server.close()
  world.remove()
})

test('no engine at all: both ways out are named', async () => {
  const world = newWorld()
  world.env.DOCKER_HOST = `unix://${world.temporary}/no.sock`
  world.env.PATH = world.temporary
  const server = await startServer(world, [])
  const result = await server.call('exec', { command: 'true' })
  expect(textOf(result)).toMatch(/^BACKEND_UNAVAILABLE: .*Docker.*bubblewrap/s)
  await server.close()
  world.remove()
})

describeWhere('docker', 'docker', () => {
  test('an image that is missing', async () => {
    const world = newWorld()
    const server = await startServer(world, [
      '--backend',
      'docker',
      '--image',
      'localhost:1/nowhere:1',
    ])
    const result = await server.call('exec', { command: 'true' })
    expect(textOf(result)).toMatch(
      /^SANDBOX_START_FAILED: the image "localhost:1\/nowhere:1" .* could not be pulled.*\n.*docker pull localhost:1\/nowhere:1/s,
    )
    await server.close()
    world.remove()
  })
})
