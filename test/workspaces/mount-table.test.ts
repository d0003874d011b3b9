/** Which tree a path belongs to, as a table: path, tree, path in it, as it is shown, as commands find it. */
import { describe, expect, test } from 'vitest'
import { isSandboxError } from '../../src/errors.ts'
import { type Tree, treePath } from '../../src/tree.ts'
import { MountTable, type TreeMount } from '../../src/workspaces/mount-table.ts'

const named = (name: string) => ({ name }) as unknown as Tree
const nameOf = (tree: Tree) => (tree as unknown as { name: string }).name
const rest = named('rest')

const bind: TreeMount = {
  tree: named('files'),
  sandbox: '/workspace',
  alias: '/workspace',
  host: '/home/me/proj',
}
const own = { ...bind, tree: named('own'), host: '/state/workspaces/sbx-a' }
const agent = { tree: named('agent'), sandbox: '/agent', alias: '/agent', host: '/home/me/proj' }
const remote = { ...bind, sandbox: '/home/you/.sandbox-mcp/sbx-a/workspace' }
const remoteAgent = { ...agent, sandbox: '/home/you/.sandbox-mcp/sbx-a/agent' }

type Row = [path: string, tree: string, inTree: string, shown: string, inside: string]

const tables: [string, MountTable, Row[]][] = [
  [
    'a bound workspace',
    new MountTable([bind], rest),
    [
      ['a', 'files', 'a', 'a', '/workspace/a'],
      ['./a//b/../c/', 'files', 'a/c', 'a/c', '/workspace/a/c'],
      ['.', 'files', '', '.', '/workspace'],
      ['a/..', 'files', '', '.', '/workspace'],
      ['/workspace', 'files', '', '.', '/workspace'],
      ['/workspace/', 'files', '', '.', '/workspace'],
      ['//workspace/a', 'files', 'a', 'a', '/workspace/a'],
      ['/tmp/../workspace/a', 'files', 'a', 'a', '/workspace/a'],
      ['/workspace/../etc/passwd', 'rest', 'etc/passwd', '/etc/passwd', '/etc/passwd'],
      ['/workspace/..', 'rest', '', '/', '/'],
      ['/workspace-2/a', 'rest', 'workspace-2/a', '/workspace-2/a', '/workspace-2/a'],
      ['/workspac', 'rest', 'workspac', '/workspac', '/workspac'],
      ['/home/me/proj/a', 'files', 'a', 'a', '/workspace/a'],
      ['/home/me/proj', 'files', '', '.', '/workspace'],
      ['/home/me/project', 'rest', 'home/me/project', '/home/me/project', '/home/me/project'],
      ['/home/me', 'rest', 'home/me', '/home/me', '/home/me'],
      ['/', 'rest', '', '/', '/'],
      ['..a', 'files', '..a', '..a', '/workspace/..a'],
      ['./~/a', 'files', '~/a', './~/a', '/workspace/~/a'],
      ['/workspace/~', 'files', '~', './~', '/workspace/~'],
      ['~a', 'files', '~a', '~a', '/workspace/~a'],
      ['a/~/b', 'files', 'a/~/b', 'a/~/b', '/workspace/a/~/b'],
      ['/workspace/..a', 'files', '..a', '..a', '/workspace/..a'],
    ],
  ],
  [
    'a workspace elsewhere inside',
    new MountTable([{ ...bind, sandbox: '/srv/app' }], rest),
    [
      ['a', 'files', 'a', 'a', '/srv/app/a'],
      ['/srv/app/a', 'files', 'a', 'a', '/srv/app/a'],
      ['/workspace/a', 'files', 'a', 'a', '/srv/app/a'],
      ['/srv', 'rest', 'srv', '/srv', '/srv'],
    ],
  ],
  [
    'a private workspace, and the user\u2019s beside it',
    new MountTable([own, agent], rest),
    [
      ['a', 'own', 'a', 'a', '/workspace/a'],
      ['/state/workspaces/sbx-a/a', 'own', 'a', 'a', '/workspace/a'],
      ['/agent', 'agent', '', '/agent', '/agent'],
      ['/agent/a', 'agent', 'a', '/agent/a', '/agent/a'],
      ['/home/me/proj/a', 'agent', 'a', '/agent/a', '/agent/a'],
      ['agent/a', 'own', 'agent/a', 'agent/a', '/workspace/agent/a'],
      ['/agents', 'rest', 'agents', '/agents', '/agents'],
    ],
  ],
  [
    'names of the sandbox before those of the host',
    new MountTable([own, { ...agent, host: '/workspace' }], rest),
    [
      ['/workspace/a', 'own', 'a', 'a', '/workspace/a'],
      ['/agent/a', 'agent', 'a', '/agent/a', '/agent/a'],
    ],
  ],
  [
    'binds beside the workspace, in it, in each other, and of one file',
    new MountTable(
      [
        bind,
        { tree: named('data'), sandbox: '/data', alias: '/data', host: '/srv/data' },
        { tree: named('deep'), sandbox: '/workspace/d/e', alias: '/workspace/d/e', host: '/srv/e' },
        {
          tree: named('part'),
          sandbox: '/data/part',
          alias: '/data/part',
          host: '/home/me/proj/part',
        },
        {
          tree: rest,
          at: treePath('etc/conf'),
          sandbox: '/etc/conf',
          alias: '/etc/conf',
          host: '/srv/conf',
        },
      ],
      rest,
    ),
    [
      ['a', 'files', 'a', 'a', '/workspace/a'],
      ['/data', 'data', '', '/data', '/data'],
      ['/data/a/../b', 'data', 'b', '/data/b', '/data/b'],
      ['/database', 'rest', 'database', '/database', '/database'],
      ['/srv/data/a', 'data', 'a', '/data/a', '/data/a'],
      ['/srv/data/part/a', 'part', 'a', '/data/part/a', '/data/part/a'],
      ['/data/part', 'part', '', '/data/part', '/data/part'],
      ['/data/parts', 'data', 'parts', '/data/parts', '/data/parts'],
      ['/home/me/proj/part/a', 'files', 'part/a', 'part/a', '/workspace/part/a'],
      ['d/e/a', 'deep', 'a', 'd/e/a', '/workspace/d/e/a'],
      ['d/e', 'deep', '', 'd/e', '/workspace/d/e'],
      ['d', 'files', 'd', 'd', '/workspace/d'],
      ['/workspace/d/e/a', 'deep', 'a', 'd/e/a', '/workspace/d/e/a'],
      ['/home/me/proj/d/e/a', 'deep', 'a', 'd/e/a', '/workspace/d/e/a'],
      ['/srv/e/a', 'deep', 'a', 'd/e/a', '/workspace/d/e/a'],
      ['/etc/conf', 'rest', 'etc/conf', '/etc/conf', '/etc/conf'],
      ['/srv/conf', 'rest', 'etc/conf', '/etc/conf', '/etc/conf'],
    ],
  ],
  [
    'a workspace on another machine',
    new MountTable([remote, remoteAgent], rest),
    [
      ['a', 'files', 'a', 'a', '/home/you/.sandbox-mcp/sbx-a/workspace/a'],
      ['/workspace/a', 'files', 'a', 'a', '/home/you/.sandbox-mcp/sbx-a/workspace/a'],
      [
        '/home/you/.sandbox-mcp/sbx-a/workspace/a',
        'files',
        'a',
        'a',
        '/home/you/.sandbox-mcp/sbx-a/workspace/a',
      ],
      ['/agent/a', 'agent', 'a', '/agent/a', '/home/you/.sandbox-mcp/sbx-a/agent/a'],
      [
        '/home/you/.sandbox-mcp/sbx-a/record',
        'rest',
        'home/you/.sandbox-mcp/sbx-a/record',
        '/home/you/.sandbox-mcp/sbx-a/record',
        '/home/you/.sandbox-mcp/sbx-a/record',
      ],
    ],
  ],
  [
    'a workspace at the root of a sandbox',
    new MountTable([{ ...bind, sandbox: '/sandbox' }], rest),
    [
      ['/sandbox', 'files', '', '.', '/sandbox'],
      ['/sandboxes', 'rest', 'sandboxes', '/sandboxes', '/sandboxes'],
    ],
  ],
]

describe.each(tables)('%s', (_, table, rows) => {
  test.each(rows)('%s', (path, tree, inTree, shown, inside) => {
    const place = table.locate(path)
    expect([nameOf(place.tree), place.path, place.shown, place.inside]).toEqual([
      tree,
      inTree,
      shown,
      inside,
    ])
    expect(table.workdir(path)).toBe(inside)
  })
})

test.each([
  ['', 'ARGUMENT_INVALID'],
  ['a\0b', 'ARGUMENT_INVALID'],
  ['/a\0b', 'ARGUMENT_INVALID'],
  ['a\ud800', 'ARGUMENT_INVALID'],
  ['~', 'ARGUMENT_INVALID'],
  ['~/.bashrc', 'ARGUMENT_INVALID'],
  ['..', 'PATH_OUTSIDE'],
  ['a/../../b', 'PATH_OUTSIDE'],
  ['/..', 'PATH_OUTSIDE'],
  ['/../etc', 'PATH_OUTSIDE'],
  ['a/'.repeat(500_000), 'ARGUMENT_INVALID'],
  [`/${'é'.repeat(2048)}`, 'ARGUMENT_INVALID'],
])('%j is refused', (path, code) => {
  const table = new MountTable([bind], rest)
  expect.soft(codeOf(() => table.locate(path))).toBe(code)
  if (path !== '') expect.soft(codeOf(() => table.workdir(path))).toBe(code)
})

test.each([undefined, ''])(
  'without a working directory, %j, commands start in the workspace',
  (path) => {
    expect(new MountTable([remote], rest).workdir(path)).toBe(remote.sandbox)
  },
)

test('a blank working directory is refused', () => {
  expect(codeOf(() => new MountTable([bind], rest).workdir(' \t'))).toBe('ARGUMENT_INVALID')
})

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return isSandboxError(error) ? error.code : String(error)
  }
}
