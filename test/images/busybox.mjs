// BusyBox and nothing else: no bash, no python, no libc.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { capture, Problem, quietly, which } from '../../scripts/machine/run.mjs'

export async function busyboxPackages() {
  return (await staticBusybox()) === undefined ? ['busybox-static'] : []
}

/** Debian's package busybox needs a libc, which the image does not have. */
async function staticBusybox() {
  const program = which('busybox')
  if (program === undefined) return undefined
  const linked = await capture('ldd', [program])
  return linked.stdout.includes('=>') ? undefined : program
}

export async function buildBusybox(file) {
  const program = await staticBusybox()
  if (program === undefined) throw new Problem('busybox-static is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-busybox-'))
  try {
    for (const path of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'usr', 'var']) {
      mkdirSync(join(folder, path))
    }
    chmodSync(folder, 0o755)
    chmodSync(join(folder, 'root'), 0o700)
    chmodSync(join(folder, 'tmp'), 0o1777)
    copyFileSync(program, join(folder, 'bin/busybox'))
    chmodSync(join(folder, 'bin/busybox'), 0o755)
    for (const path of (await quietly(program, ['--list-full'])).trim().split('\n')) {
      if (path === 'bin/busybox') continue
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      symlinkSync('/bin/busybox', join(folder, path))
    }
    writeFileSync(
      join(folder, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    )
    writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n')
    const owner = ['--owner=0', '--group=0', '--numeric-owner']
    await quietly('tar', ['-c', '-z', '-f', file, ...owner, '-C', folder, '.'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
