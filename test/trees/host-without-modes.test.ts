/** A host whose file system keeps no modes and refuses to be asked for one. */
import fs, {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { treePath } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { change, was } from '../contract/tree-changes.ts'

const given = { chmodSync: fs.chmodSync, fchmodSync: fs.fchmodSync, linkSync: fs.linkSync }
const refuse = () => {
  throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
}
let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-modes-')))
  // Nor has it two names for one file.
  Object.assign(fs, { chmodSync: refuse, fchmodSync: refuse, linkSync: refuse })
  syncBuiltinESMExports()
})
afterEach(() => {
  Object.assign(fs, given)
  syncBuiltinESMExports()
  rmSync(root, { recursive: true })
})

test('files are replaced and made there all the same, one and many', async () => {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const tree = new HostTree({ root, owner, sandboxRoot: '/workspace', readOnly: false })
  writeFileSync(join(root, 'a'), 'old')
  writeFileSync(join(root, 'b'), 'old')
  await tree.replace(treePath('a'), Buffer.from('new'))
  await tree.apply([change('a', was('new'), 'newer'), change('b', was('old'), 'new')])
  await tree.apply([change('c', 'absent', 'made')])
  expect(readdirSync(root).sort()).toEqual(['a', 'b', 'c'])
  expect(readFileSync(join(root, 'a'), 'utf8')).toBe('newer')
  expect(readFileSync(join(root, 'b'), 'utf8')).toBe('new')
})
