/** What the sandbox has of the user's files, by `access`, in real sandboxes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { treePath } from '../../src/tree.ts'
import { describeSessions, type TestSession } from '../support/sandbox-session.ts'

const context = { signal: new AbortController().signal, report: () => {} }

/** The user's project. */
function prepare(host: string): void {
  mkdirSync(join(host, 'sub'), { recursive: true })
  writeFileSync(join(host, 'mine'), 'the user\u2019s')
  writeFileSync(join(host, 'sub/deep'), 'deep')
}

describeSessions('access', (open) => {
  describe('ro', () => {
    let it: TestSession
    beforeAll(async () => {
      it = await open({ settings: { access: 'ro' }, prepare })
    })
    afterAll(() => it?.close())
    const agent = () => it.agent

    test('the project is read at /agent, by that name, its own and the host\u2019s', async () => {
      for (const path of ['/agent/mine', join(agent(), 'mine'), join(it.host, 'mine')]) {
        const { facts } = await it.call('read', { path })
        expect(facts).toMatchObject({ path: '/agent/mine', content: 'the user\u2019s' })
      }
      expect((await it.call('read', { path: '/agent' })).facts.content).toMatch(
        /^(\.[^\n]*\n)?mine\nsub\/$/,
      )
      const { facts } = await it.sh('pwd; cat deep', { workdir: '/agent/sub' })
      expect(facts.output).toBe(`${agent()}/sub\ndeep`)
    })

    test('the workspace is private and empty, and commands write there', async () => {
      expect((await it.sh('ls')).facts.output).toBe('')
      expect((await it.sh('pwd; echo made > made')).facts.output).toBe(`${it.root}\n`)
      expect((await it.call('read', { path: 'made' })).facts.content).toBe('made\n')
      expect(readFileSync(join(it.files, 'made'), 'utf8')).toBe('made\n')
    })

    test.each(['write', 'edit', 'apply_patch'])('%s is not offered', async (tool) => {
      await expect(it.call(tool, {})).rejects.toThrow('there is no tool')
    })

    test.each(['/agent/nope.txt', '/tmp/nope.txt', 'nope.txt'])(
      'what is missing is called by its name: %s',
      async (path) => {
        const { text } = await it.call('read', { path })
        expect(text).toMatch(`FILE_NOT_FOUND: there is no file ${JSON.stringify(path)}`)
      },
    )

    test('no change is made there by whatever asks its tree for one', async () => {
      const { tree, path } = await it.session.locate('/agent/mine', context)
      const change = { path, before: 'anything', after: { bytes: Buffer.from('x') } } as const
      await expect(tree.apply([change])).rejects.toMatchObject({
        code: 'FILE_DENIED',
        message: expect.stringMatching(/^"\/agent\/mine" is in a copy/),
      })
      const made = { ...change, path: treePath('new') }
      await expect(tree.apply([made])).rejects.toMatchObject({ code: 'FILE_DENIED' })
      expect((await it.sh('cat mine; ls', { workdir: '/agent' })).facts.output).toBe(
        'the user\u2019smine\nsub\n',
      )
    })

    test('nothing changes the project on the host', async () => {
      const { facts } = await it.sh('echo x > mine; rm -f mine sub/deep', { workdir: '/agent' })
      // A copy on a machine of its own is not walled off from commands there.
      expect(facts.exitCode === 0).toBe(!it.mounted)
      expect(readFileSync(join(it.host, 'mine'), 'utf8')).toBe('the user\u2019s')
      expect(readdirSync(it.host).sort()).toEqual(['mine', 'sub'])
      expect(existsSync(join(it.host, 'sub/deep'))).toBe(true)
    })
  })

  describe('none', () => {
    let it: TestSession
    beforeAll(async () => {
      it = await open({ settings: { access: 'none' }, prepare })
    })
    afterAll(() => it?.close())

    test('nothing of the project is there', async () => {
      expect((await it.sh('ls')).facts.output).toBe('')
      const { text } = await it.call('read', { path: '/agent/mine' })
      expect(text).toMatch(/^FILE_NOT_FOUND/)
      if (!it.remote) {
        const onHost = await it.call('read', { path: join(it.host, 'mine') })
        expect(onHost.text).toMatch(/^FILE_NOT_FOUND/)
      }
      expect((await it.sh('ls ..')).facts.output).not.toContain('agent')
    })

    test('the tools write into the private workspace', async () => {
      await it.call('write', { path: 'made', content: '1' })
      await it.call('edit', { path: 'made', edits: [{ oldText: '1', newText: '2' }] })
      const patch = '*** Begin Patch\n*** Add File: sub/more\n+3\n*** End Patch'
      await it.call('apply_patch', { input: patch })
      expect((await it.sh('cat made sub/more')).facts.output).toBe('23\n')
      expect(readdirSync(it.host).sort()).toEqual(['mine', 'sub'])
      expect(readFileSync(join(it.files, 'made'), 'utf8')).toBe('2')
    })
  })

  test('each access has a sandbox of its own', async () => {
    const all: TestSession[] = []
    try {
      all.push(await open({ prepare }))
      const [first] = all as [TestSession]
      for (const access of ['ro', 'none'] as const) {
        all.push(await open({ settings: { access }, beside: first }))
      }
      await first.sh('echo 1 > only-rw')
      for (const other of all.slice(1)) {
        expect((await other.sh('ls')).facts.output).toBe('')
      }
      expect(new Set(all.map(({ spec }) => spec.name)).size).toBe(3)
    } finally {
      for (const one of all.reverse()) await one.close()
    }
  })
})
