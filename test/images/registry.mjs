// The way for machines that cannot run debootstrap, such as a Mac: the engine builds on a public image.
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quietly } from '../../scripts/machine/run.mjs'

export async function buildFromRegistry(engine, ref, dockerfile) {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-image-'))
  try {
    writeFileSync(join(folder, 'Dockerfile'), `${dockerfile.join('\n')}\n`)
    const tar = join(folder, 'context.tar')
    await quietly('tar', ['-c', '-f', tar, '-C', folder, 'Dockerfile'])
    await engine.buildImage(ref, createReadStream(tar))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
