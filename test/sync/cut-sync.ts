/**
 * A program: one sync of a scene, which is killed before the Nth change that it makes to the host's file
 * system. Prints how many changes there were when it is not.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const [folder = '', host = '', root = '', cut = ''] = process.argv.slice(2)
let changes = 0
const changing = [
  'renameSync',
  'linkSync',
  'unlinkSync',
  'mkdirSync',
  'rmdirSync',
  'symlinkSync',
  'writeSync',
  'rmSync',
] as const
for (const name of changing) {
  const real = fs[name] as (...args: unknown[]) => unknown
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      changes += 1
      if (changes === Number(cut)) process.kill(process.pid, 'SIGKILL')
      return real(...args)
    },
  })
}
syncBuiltinESMExports()

const { sandboxOf, sync } = await import('./fault-scene.ts')
const scene = { folder, host, root, remove: () => {} }
await sync(scene, sandboxOf(scene))
process.stdout.write(String(changes))
process.exit(0)
