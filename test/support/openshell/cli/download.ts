/** `sandbox download`: three connections, for the path, for its kind, and for a tar of it. */
import { spawn } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { atLeast } from '../protocol.ts'
import { type Context, note } from './context.ts'
import { Failure, tick } from './report.ts'
import { shellEscape, sshArguments } from './ssh.ts'

export async function download(context: Context): Promise<void> {
  const [name = ''] = context.list('NAME')
  const [path = ''] = context.list('SANDBOX_PATH')
  const [dest = '.'] = context.list('DEST')
  note(`Downloading sandbox:${path} -> ${dest}`)
  checkAbsolute(context, path)
  const ssh = [...(await sshArguments(context, name)), '-T', '-o', 'RequestTTY=no', 'sandbox']
  const source = await resolve(context, ssh, path)
  const quoted = shellEscape(source)
  const kind = await probe(
    ssh,
    `if [ -d ${quoted} ]; then printf dir; elif [ -e ${quoted} ]; then printf file; else printf missing; fi`,
  )
  if (kind === 'dir') await downloadDirectory(ssh, source, dest)
  else if (kind === 'file') await downloadFile(ssh, source, dest)
  else if (kind === 'missing') throw new Failure(`sandbox source path '${source}' does not exist`)
  else {
    throw new Failure(`unexpected probe output for sandbox source path '${source}': '${kind}'`)
  }
  note(`${tick} Download complete`)
}

const outside = (path: string, root: string) =>
  new Failure(`sandbox source path '${path}' is outside the sandbox workspace (${root})`)
const below = (path: string, root: string) => path === root || path.startsWith(`${root}/`)

/** From 0.0.41 to 0.0.98 the path is absolute and below a root that is known beforehand. */
function checkAbsolute({ knobs }: Context, path: string): void {
  if (!atLeast(knobs.version, '0.0.41') || atLeast(knobs.version, '0.0.99')) return
  if (!path.startsWith('/')) {
    throw new Failure(`sandbox source path must be absolute (got '${path}')`)
  }
  if (!below(posix.resolve(path), '/sandbox')) throw outside(path, '/sandbox')
}

/** The real path, which must be in the workspace since 0.0.41. */
async function resolve({ knobs }: Context, ssh: readonly string[], path: string): Promise<string> {
  if (!atLeast(knobs.version, '0.0.41')) return path
  const asks = atLeast(knobs.version, '0.0.99')
  const command = `${asks ? 'pwd -P && ' : ''}realpath -e -- ${shellEscape(path)}`
  const output = await probe(ssh, command).catch((error) => {
    const why = error instanceof Failure ? error.message : String(error)
    throw new Failure(`failed to resolve sandbox source path '${path}'`, [why])
  })
  const [root = '', resolved = '', ...rest] = [...(asks ? [] : ['/sandbox']), ...output.split('\n')]
  if (rest.length > 0 && asks) {
    throw new Failure(`unexpected response while resolving sandbox source path '${path}'`)
  }
  if (posix.normalize(root) !== root || root === '/') {
    throw new Failure(`remote workspace '${root}' is not a canonical absolute path`)
  }
  if (!below(posix.resolve(root, path), root)) throw outside(path, root)
  if (!below(resolved, root)) {
    throw new Failure(
      `sandbox source path '${path}' resolves to '${resolved}', outside the sandbox workspace (${root})`,
    )
  }
  return resolved
}

async function downloadDirectory(ssh: readonly string[], source: string, dest: string) {
  const there = lstatSync(dest, { throwIfNoEntry: false })
  if (there !== undefined && !there.isDirectory()) {
    throw new Failure(
      `cannot extract directory '${source}' over non-directory destination '${dest}'`,
    )
  }
  mkdirSync(dest, { recursive: true })
  await unpack(ssh, `tar cf - -C ${shellEscape(source)} .`, dest)
}

async function downloadFile(ssh: readonly string[], source: string, dest: string) {
  const name = posix.basename(source)
  const folder = lstatSync(dest, { throwIfNoEntry: false })?.isDirectory() || dest.endsWith('/')
  const final = folder ? join(dest, name) : dest
  mkdirSync(dirname(final), { recursive: true })
  const staging = mkdtempSync(join(dirname(final), '.tmp'))
  try {
    const tar = `tar cf - -C ${shellEscape(posix.dirname(source))} -- ${shellEscape(name)}`
    await unpack(ssh, tar, staging)
    if (!lstatSync(join(staging, name)).isFile()) {
      throw new Failure(`failed to place downloaded file at '${final}'`, [
        `downloaded entry '${name}' is not a regular file`,
      ])
    }
    if (lstatSync(final, { throwIfNoEntry: false })?.isDirectory()) {
      throw new Failure(`failed to place downloaded file at '${final}'`, [
        `cannot overwrite directory '${final}' with downloaded file`,
      ])
    }
    renameSync(join(staging, name), final)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

/** What a command in the sandbox prints, without its last line end. */
async function probe(ssh: readonly string[], command: string): Promise<string> {
  const child = spawn('ssh', [...ssh, command], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const code = await new Promise<number>((resolve) =>
    child.on('close', (status) => resolve(status ?? 1)),
  )
  if (code !== 0) throw new Failure(`ssh probe exited with status exit status: ${code}`)
  return output.replace(/\r?\n$/, '')
}

async function unpack(ssh: readonly string[], remote: string, into: string): Promise<void> {
  const source = spawn('ssh', [...ssh, remote], { stdio: ['ignore', 'pipe', 'inherit'] })
  const args = ['--extract', '--file=-', '--no-same-owner', '--directory', into]
  const target = spawn('tar', args, { stdio: ['pipe', 'ignore', 'ignore'] })
  target.stdin.on('error', () => {})
  source.stdout.pipe(target.stdin)
  const ends = [source, target].map(
    (child) =>
      new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1))),
  )
  const [sent, received] = await Promise.all(ends)
  if (received !== 0) throw new Failure('failed to extract tar archive from sandbox')
  if (sent !== 0) throw new Failure(`ssh tar create exited with status exit status: ${sent}`)
}
