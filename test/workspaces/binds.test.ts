/** What `docker.binds` mounts, and a workspace at another place: the same for commands and for tools. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dockerDefaults } from '../../src/backends/docker/settings.ts'
import { describeWhere, images } from '../support/available.ts'
import { openSession, type TestSession } from '../support/sandbox-session.ts'

describeWhere('docker', 'docker: binds as the tools see them', () => {
  let outside: string
  let it: TestSession
  beforeAll(async () => {
    outside = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-bound-')))
    for (const name of ['data', 'fixed', 'inner', 'data/way/inner']) {
      mkdirSync(join(outside, name), { recursive: true })
      writeFileSync(join(outside, name, 'file'), `in ${name}\n`)
    }
    writeFileSync(join(outside, 'one'), 'one file\n')
    it = await openSession({
      settings: {
        backend: 'docker',
        image: images.busybox,
        docker: {
          ...dockerDefaults,
          workdir: '/srv/app',
          dangerouslyAllowExternalBindSources: true,
          dangerouslyAllowReservedContainerTargets: true,
          binds: [
            `${outside}/data:/data`,
            `${outside}/fixed:/fixed:ro`,
            `${outside}/inner:/srv/app/sub/inner`,
            `${outside}/one:/etc/one:ro`,
            `${outside}/data/way/inner:/way`,
          ],
        },
      },
    })
  })
  afterAll(async () => {
    await it?.close()
    rmSync(outside, { recursive: true, force: true })
  })
  const content = async (path: string) => (await it.call('read', { path })).facts?.content

  test.each([
    ['/data/file', '/data/file', 'in data\n'],
    ['/fixed/file', '/fixed/file', 'in fixed\n'],
    ['sub/inner/file', 'sub/inner/file', 'in inner\n'],
    ['/srv/app/sub/inner/file', 'sub/inner/file', 'in inner\n'],
    ['/workspace/sub/inner/file', 'sub/inner/file', 'in inner\n'],
    ['/etc/one', '/etc/one', 'one file\n'],
  ])('%s is read, and exec reads the same', async (path, shown, text) => {
    expect((await it.call('read', { path })).facts).toMatchObject({ path: shown, content: text })
    expect((await it.sh(`cat ${path.replace('/workspace', '/srv/app')}`)).facts.output).toBe(text)
  })

  test('the host’s spelling leads there too', async () => {
    expect(await content(join(outside, 'data/file'))).toBe('in data\n')
    expect(await content(join(outside, 'one'))).toBe('one file\n')
  })

  test('what a tool writes is the host’s and the sandbox’s, and the other way round', async () => {
    await it.call('write', { path: '/data/new', content: '1\n' })
    await it.call('edit', { path: '/data/new', edits: [{ oldText: '1', newText: '2' }] })
    expect(readFileSync(join(outside, 'data/new'), 'utf8')).toBe('2\n')
    const { facts } = await it.sh('cat new; echo 3 >>new', { workdir: '/data' })
    expect(facts.output).toBe('2\n')
    expect(await content('/data/new')).toBe('2\n3\n')
    await it.call('write', { path: 'sub/inner/new', content: 'i' })
    expect(readFileSync(join(outside, 'inner/new'), 'utf8')).toBe('i')
  })

  test('what is mounted read-only is not written by tools either', async () => {
    for (const path of ['/fixed/file', '/fixed/new', '/etc/one']) {
      const { isError, text } = await it.call('write', { path, content: 'x' })
      expect([path, isError, text]).toEqual([path, true, expect.stringMatching(/^FILE_DENIED/)])
    }
    expect(readFileSync(join(outside, 'fixed/file'), 'utf8')).toBe('in fixed\n')
  })

  test('the workspace is where docker.workdir says, by all its names', async () => {
    await it.call('write', { path: 'mine', content: 'm' })
    expect(readFileSync(join(it.host, 'mine'), 'utf8')).toBe('m')
    const { facts } = await it.sh('pwd; cat mine /srv/app/mine')
    expect(facts.output).toBe('/srv/app\nmm')
    for (const path of ['/srv/app/mine', '/workspace/mine', join(it.host, 'mine')]) {
      expect((await it.call('read', { path })).facts).toMatchObject({ path: 'mine', content: 'm' })
      const workdir = path.slice(0, -'/mine'.length)
      expect((await it.sh('pwd', { workdir })).facts.output).toBe('/srv/app\n')
    }
  })

  test('a command that puts a link on the way to one does not lead tools elsewhere', async () => {
    await it.sh(`mv way kept && ln -s ${outside} way`, { workdir: '/data' })
    for (const [tool, args] of [
      ['read', { path: '/way/file' }],
      ['read', { path: '/way' }],
      ['write', { path: '/way/new', content: 'x' }],
      ['edit', { path: '/way/file', edits: [{ oldText: 'in inner', newText: 'x' }] }],
    ] as const) {
      const { isError, text } = await it.call(tool, args)
      expect([tool, isError, text]).toEqual([tool, true, expect.stringMatching(/^FILE_/)])
    }
    expect(readdirSync(join(outside, 'inner')).sort()).toEqual(['file', 'new'])
    expect(readFileSync(join(outside, 'inner/file'), 'utf8')).toBe('in inner\n')
    await it.sh('rm way && mv kept way', { workdir: '/data' })
    expect(await content('/way/file')).toBe('in data/way/inner\n')
  })

  test('it is the same sandbox when it is opened again', async () => {
    const sandbox = await it.session.sandbox({
      signal: new AbortController().signal,
      report: () => {},
    })
    expect(sandbox.stale).toBeUndefined()
    const [info] = await it.backend.list(it.spec.installation, new AbortController().signal)
    const hash = await it.backend.configHash?.(it.spec, new AbortController().signal)
    expect(info?.configHash).toBe(hash)
  })
})
