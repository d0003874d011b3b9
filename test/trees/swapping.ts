/** Another process that puts a link out of the tree where something else was, and back, without end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const program = `
const { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } = require('node:fs')
const [path, kind, target] = process.argv.slice(1)
const draft = path + '.draft'
const put = (make) => {
  try {
    make()
    if (kind === 'directory') rmSync(path, { recursive: true, force: true })
    renameSync(draft, path)
  } catch {
    rmSync(draft, { recursive: true, force: true })
  }
}
const ours = () => {
  if (kind === 'file') return writeFileSync(draft, 'ours')
  mkdirSync(draft)
  writeFileSync(draft + '/secret', 'ours')
}
put(ours)
process.stdout.write('ready')
for (;;) {
  put(() => symlinkSync(target, draft))
  put(ours)
}`

/**
 * Runs `attempts` while `path` is in turn a directory that holds `secret` or a file, with the
 * content `ours`, and a link to `target`. The swapping is over when it returns.
 */
export async function whileSwapping(
  path: string,
  kind: 'directory' | 'file',
  target: string,
  attempts: () => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, ['-e', program, path, kind, target], {
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
