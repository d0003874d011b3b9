/** Errors about files call them what results call them, in every tree of every kind of workspace. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Backend, Sandbox } from '../../src/sandbox.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { SandboxTree } from '../../src/trees/sandbox-tree.ts'
import type { Workspace } from '../../src/workspace.ts'
import { BindWorkspace } from '../../src/workspaces/bind.ts'
import { MirrorWorkspace } from '../../src/workspaces/mirror.ts'
import { RemoteWorkspace } from '../../src/workspaces/remote.ts'
import { change, was } from '../contract/tree-changes.ts'
import { temporaryPair } from '../support/directory-contents.ts'
import { localShells } from '../support/local-shells.ts'
import { newSpec } from '../support/remote-sandbox.ts'

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const [run = expect.unreachable('there is no shell')] = Object.values(await localShells())

const choose = (): Promise<Backend> => expect.unreachable('no sandbox is opened')
const host = (root: string) => new HostTree({ root, owner })
const mount = (root: string, sandbox: string) => ({ host: root, sandbox, writable: true })

/** The workspace, and what is at `/` beside it, all of them with the same names in them. */
function directories() {
  const { root: files, inside } = temporaryPair()
  const [agent, nested, app] = ['agent', 'nested', 'srv/app/single'].map((path) =>
    join(inside, path),
  )
  for (const path of [files, inside, agent, nested, app] as string[]) {
    mkdirSync(join(path, 'd'), { recursive: true })
    writeFileSync(join(path, 'f'), 'f')
    symlinkSync('f', join(path, 'l'))
    symlinkSync('/etc', join(path, 'out'))
  }
  return { files, inside, agent, nested } as Record<'files' | 'inside' | 'agent' | 'nested', string>
}

interface Made {
  readonly workspace: Workspace
  /** The open sandbox. */
  readonly sandbox: Sandbox
  /** What commands call a directory that is in no mount. */
  readonly beside: string
}

const kinds: Readonly<Record<string, () => Made>> = {
  bind: () => {
    const { files, inside, agent, nested } = directories()
    const mounts = [
      mount(files, '/srv/app'),
      mount(agent, '/agent'),
      mount(nested, '/srv/app/nested'),
      mount(inside, '/srv/app/single'),
    ] as const
    const trees = [host(files), host(agent), host(nested), undefined] as const
    const root = new SandboxTree(run, { root: inside })
    const workspace = new BindWorkspace(choose, newSpec({ mounts }), trees, root)
    return { workspace, sandbox: {} as Sandbox, beside: '/nested' }
  },
  mirror: () => {
    const { files, inside, agent } = directories()
    const workspace = new MirrorWorkspace({
      choose,
      spec: newSpec({ mounts: [mount(files, '/workspace'), mount(agent, '/agent')] }),
      trees: [host(files), host(agent)],
      mirrors: [] as never,
      inside: new SandboxTree(run, { root: inside }),
      roots: ['/sandbox', '/sandbox-agent'],
      scripts: () => undefined,
    })
    return { workspace, sandbox: {} as Sandbox, beside: '/nested' }
  },
  remote: () => {
    const { files, agent, nested } = directories()
    const sandbox = { root: files, agentRoot: agent } as Sandbox
    const workspace = new RemoteWorkspace({
      choose,
      spec: newSpec({ mounts: [mount('/nowhere', '/workspace'), mount('/nothing', '/agent')] }),
      rulesFor: () => expect.unreachable('nothing is filled'),
      opened: async () => sandbox,
      run,
      abandon: async () => {},
    })
    return { workspace, sandbox, beside: nested }
  },
}

const places: [kind: string, asked: string, name: string][] = [
  ['bind', '', ''],
  ['bind', '/workspace/', ''],
  ['bind', '/agent/', '/agent/'],
  ['bind', 'nested/', 'nested/'],
  ['bind', '/srv/app/single/', 'single/'],
  ['bind', 'BESIDE/', 'BESIDE/'],
  ['mirror', '', ''],
  ['mirror', '/agent/', '/agent/'],
  ['mirror', '/sandbox-agent/', '/agent/'],
  ['mirror', 'BESIDE/', 'BESIDE/'],
  ['remote', '/workspace/', ''],
  ['remote', '/agent/', '/agent/'],
  ['remote', 'BESIDE/', 'BESIDE/'],
]

test.each(places)('%s: what is at "%s" is called "%s" in errors', async (kind, asked, name) => {
  const { workspace, sandbox, beside } = (kinds[kind] ?? expect.unreachable())()
  const locate = (path: string) =>
    workspace.locate(asked.replace('BESIDE', beside) + path, async () => sandbox)
  const said = (path: string) => JSON.stringify(name.replace('BESIDE', beside) + path)
  const at = async (path: string) => (await locate(path)).path
  const { tree } = await locate('f')

  const missing = { code: 'FILE_NOT_FOUND', message: `there is no file ${said('none')}` }
  for (const operation of ['stat', 'read', 'list'] as const) {
    await expect(tree[operation](await at('none'))).rejects.toMatchObject(missing)
  }
  const reading = async (path: string) => tree.read(await at(path))
  await expect(reading('d')).rejects.toThrow(`${said('d')} is a directory`)
  await expect(reading('f/x')).rejects.toThrow(`${said('f')} is used as a directory`)
  if (!name.startsWith('BESIDE') && name !== 'single/') {
    await expect(reading('out/hostname')).rejects.toThrow(`${said('out/hostname')} was refused`)
  }

  const [file, link, directory] = [await at('f'), await at('l'), await at('d')]
  const stale = [change(file, was('g'), '1'), change(await at('d/x'), was('x'), '2')]
  await expect(tree.apply(stale)).rejects.toThrow(`was read: ${said('f')}, ${said('d/x')}; nothing`)
  const twice = [change(file, 'anything', '1'), change(link, 'anything', '2')]
  await expect(tree.apply(twice)).rejects.toThrow(
    new RegExp(`${said('l')} and ${said('f')}|${said('f')} and ${said('l')}`),
  )
  const there = [change(file, 'absent', '1')]
  await expect(tree.apply(there)).rejects.toThrow(`${said('f')} exists already`)
  await expect(tree.replace(directory, Buffer.of())).rejects.toThrow(`${said('d')} is a directory`)
})

test('a tree recalls what it does without names, and one that recalls nothing does not begin to', async () => {
  const { workspace, sandbox } = (kinds.remote ?? expect.unreachable())()
  const { tree, path } = await workspace.locate('f', async () => sandbox)
  expect(tree.recall?.(path)).toBeUndefined()
  await tree.read(path)
  expect(tree.recall?.(path)?.toString()).toBe('f')
  await expect(tree.apply([change(path, was('g'), '1')])).rejects.toThrow('changed by somebody')
  expect(tree.recall?.(path)).toBeUndefined()

  const bound = (kinds.bind ?? expect.unreachable())()
  const located = await bound.workspace.locate('f', async () => bound.sandbox)
  expect(located.tree.recall).toBeUndefined()
})
