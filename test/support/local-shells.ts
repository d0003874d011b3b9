/** Scripts of a tree in a sandbox, run by the shells and tools of this machine. */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import type { ScriptRunner } from '../../src/trees/sandbox-tree.ts'

/** Runs scripts here, with the tools of `path` alone. */
function runner(shell: string, path: string): ScriptRunner {
  return async (script, stdin, signal, functions = '') => {
    const env = { PATH: path, TZ: 'Asia/Kolkata' }
    const child = spawn(shell, ['-c', functions + script], {
      cwd: '/',
      env,
      ...(signal && { signal }),
    })
    const [stdout, stderr] = [child.stdout, child.stderr].map(async (stream) =>
      Buffer.concat(await stream.toArray()),
    )
    child.stdin.on('error', () => {})
    if (stdin instanceof Readable) stdin.pipe(child.stdin)
    else child.stdin.end(stdin)
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject).once('close', resolve)
    })
    return { code, stdout: (await stdout) as Buffer, stderr: String(await stderr) }
  }
}

/** By name, as far as they are here; to be called where tests are collected. */
export async function localShells(): Promise<Readonly<Record<string, ScriptRunner>>> {
  const shells: Record<string, ScriptRunner> = {}
  for (const shell of ['/bin/sh', '/bin/bash']) {
    if (existsSync(shell)) shells[shell] = runner(shell, '/usr/bin:/bin')
  }
  const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path))
  if (busybox === undefined) return shells
  const applets = mkdtempSync(join(tmpdir(), 'sbx-applets-'))
  afterAll(() => rmSync(applets, { recursive: true }))
  await promisify(execFile)(busybox, ['--install', '-s', applets])
  return { ...shells, BusyBox: runner(join(applets, 'sh'), applets) }
}
