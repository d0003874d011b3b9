// A minimal Debian with the three programs that tests expect of an image people work in.
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptProxy, debianMirror } from '../../scripts/machine/apt.mjs'
import { isRoot, Problem, quietly, which } from '../../scripts/machine/run.mjs'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

export function debianPackages() {
  return [
    ...(which('debootstrap') === undefined ? ['debootstrap'] : []),
    ...(existsSync(keyring) ? [] : ['debian-archive-keyring']),
  ]
}

/** What an image does not need, and more than half of its size. */
const ballast = [
  'dev/*',
  'proc/*',
  'sys/*',
  'var/cache/apt/*',
  'var/lib/apt/lists/*',
  'var/log/*',
  'usr/share/doc/*',
  'usr/share/locale/*',
  'usr/share/man/*',
]

export async function buildDebian(file) {
  if (which('debootstrap') === undefined) throw new Problem('debootstrap is not installed')
  if (!isRoot) throw new Problem('debootstrap needs root')
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-debian-'))
  try {
    const proxy = process.env.http_proxy ?? (await aptProxy())
    const mirror = [debianMirror()].filter((url) => url !== undefined)
    await quietly(
      'debootstrap',
      ['--variant=minbase', '--include=git,ripgrep,python3', 'bookworm', folder, ...mirror],
      { env: { DEBIAN_FRONTEND: 'noninteractive', ...(proxy ? { http_proxy: proxy } : {}) } },
    )
    // The folder becomes the root of the image, which everybody may enter.
    chmodSync(folder, 0o755)
    const excluded = ballast.map((path) => `--exclude=./${path}`)
    const options = ['--numeric-owner', '--use-compress-program=gzip -1', ...excluded]
    await quietly('tar', ['-c', '-f', file, ...options, '-C', folder, '.'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
