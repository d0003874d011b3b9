import { expect, test } from 'vitest'
import { isOffered } from '../../src/config/tool-policy.ts'
import { tools } from '../../src/tools/all.ts'

test.each([
  [undefined, [], 'apply_patch edit exec process read write'],
  [[], [], 'apply_patch edit exec process read write'],
  [['group:fs'], [], 'apply_patch edit read write'],
  [['group:runtime', 'READ'], [], 'exec process read'],
  [['bash'], [], 'exec'],
  [undefined, ['apply-patch'], 'edit exec process read write'],
  [[' Apply-Patch'], [], 'apply_patch'],
  [['write'], [], 'apply_patch write'],
  [['write'], ['apply_patch'], 'write'],
  [['*'], ['group:fs', 'browser'], 'exec process'],
  [undefined, ['*e*'], 'apply_patch'],
  [undefined, ['e*'], 'apply_patch process read write'],
  [undefined, ['write'], 'apply_patch edit exec process read'],
  [['rea.'], [], ''],
  [['browser'], [], ''],
])('allow %j deny %j offers %s', (allow, deny, offered) => {
  const names = tools.map(({ name }) => name).filter((name) => isOffered(name, { allow, deny }))
  expect(names.sort().join(' ')).toBe(offered)
})
