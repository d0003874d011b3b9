import { describe, expect, test } from 'vitest'
import { isLocal, isSteady, type Moment, youngerThan } from '../../src/sync/sandbox/vantage.ts'

const mount = (point: string, type: string) =>
  `36 35 98:0 / ${point} rw,noatime - ${type} none rw\n`
const mounts = mount('/', 'ext4') + mount('/proc', 'proc')
const at = (now: number, up: number, rest: Partial<Moment> = {}): Moment => ({
  now,
  up: [up, up + 0.01],
  mounts,
  ...rest,
})

describe('between two looks', () => {
  const before = at(1_000_000.25, 50)
  test.each<[string, Moment, boolean]>([
    ['the clock ran on', at(1_000_060.26, 110), true],
    ['a day went by in which it was corrected little by little', at(1_086_400.3, 86_450), true],
    ['it was set back by a minute', at(1_000_000.25, 110), false],
    ['it was set back by less than the look takes to come', at(1_000_059.85, 110), false],
    ['it was set on', at(1_000_061.25, 110), false],
    ['it was read slowly', at(1_000_060.25, 110, { up: [110, 110.2] }), false],
    ['it tells less now', at(1_000_060, 110), false],
    [
      'something was mounted',
      at(1_000_060.25, 110, { mounts: mounts + mount('/w/x', 'ext4') }),
      false,
    ],
  ])('%s', (_, after, steady) => {
    expect(isSteady(before, after)).toBe(steady)
  })

  test('what a clock may have been set back by unnoticed is less than what is looked at again', () => {
    for (const [now, step] of [
      [1_000_000.25, 0.01],
      [1_000_000, 1],
    ] as const) {
      const moment = at(now, 50)
      // The furthest back that the next moment is still steady.
      let back = 0
      while (isSteady(moment, at(now + 1_000 - back - step, 1_050))) back += step
      expect(now - youngerThan(moment)).toBeGreaterThan(back + step + 0.2)
    }
  })
})

describe('all below the root is local', () => {
  test.each<[string, string, boolean]>([
    ['on a disk of its own kernel', mounts, true],
    ['in a container', mount('/', 'overlay') + mount('/proc', 'proc'), true],
    [
      'on a file system of its own',
      mounts + mount('/project', 'nfs4') + mount('/project/space', 'xfs'),
      true,
    ],
    ['beside a mount of the like name', mounts + mount('/project/space2', 'nfs4'), true],
    ['but a server stamps its changes', mounts + mount('/project', 'nfs4'), false],
    ['but a program does', mounts + mount('/project/space', 'fuse.sshfs'), false],
    ['but something is mounted below it', mounts + mount('/project/space/deep', 'ext4'), false],
    [
      'but something is mounted over it',
      mounts + mount('/project', 'ext4') + mount('/project', '9p'),
      false,
    ],
    ['but that cannot be told', `${mounts}what is this\n`, false],
    ['but nothing is known', '', false],
  ])('%s', (_, told, local) => {
    expect(isLocal('/project/space', at(1, 1, { mounts: told }))).toBe(local)
  })

  test('of a root with a blank in its name', () => {
    const told = mounts + mount('/my\\040work', 'nfs4')
    expect(isLocal('/my work', at(1, 1, { mounts: told }))).toBe(false)
  })
})
