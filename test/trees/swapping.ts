/** Swaps two names of a directory with each other, without end, from another process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const program = `
const { renameSync } = require('node:fs')
const [a, b] = process.argv.slice(1)
process.stdout.write('ready')
process.on('SIGTERM', () => process.exit())
for (;;) {
  try { renameSync(a, a + '.swap') } catch {}
  try { renameSync(b, a) } catch {}
  try { renameSync(a, b) } catch {}
  try { renameSync(a + '.swap', a) } catch {}
}`

/** Runs `attempts` while `a` and `b` (paths) are swapped; the swapping is over when it returns. */
export async function whileSwapping(a: string, b: string, attempts: () => Promise<void>) {
  const child = spawn(process.execPath, ['-e', program, a, b], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  try {
    await attempts()
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}
