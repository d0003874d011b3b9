/** A pid namespace of the test's own: what others start on this machine is no process in it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether one can be made. */
export const canHaveOwnProcesses = (() => {
  try {
    execFileSync('unshare', ['--pid', '--fork', '--mount-proc', 'true'], { stdio: 'ignore' })
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

export interface OwnProcesses {
  /** A program that is `sh` in it. */
  readonly shell: string
  /** Ends all in it. */
  close(): Promise<void>
}

export async function ownProcesses(): Promise<OwnProcesses> {
  const first = spawn('unshare', ['--pid', '--fork', '--mount-proc', 'sh', '-c', 'echo; read end'])
  await new Promise((resolve) => first.stdout.once('data', resolve))
  const folder = mkdtempSync(join(tmpdir(), 'sbx-own-processes-'))
  const shell = join(folder, 'sh')
  const child = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8').trim()
  const enter = `#!/bin/sh\nexec nsenter -t ${child} -p -m -- /bin/sh "$@"\n`
  writeFileSync(shell, enter, { mode: 0o755 })
  return { shell, close: () => ended(first).then(() => rmSync(folder, { recursive: true })) }
}

async function ended(first: ChildProcess): Promise<void> {
  const end = new Promise((resolve) => first.once('close', resolve))
  first.stdin?.end()
  await end
}
