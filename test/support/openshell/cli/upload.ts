/** `sandbox upload`: a tar of everything, piped to one in the sandbox; nothing there is ever removed. */
import { spawn, spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { atLeast } from '../protocol.ts'
import { type Context, note } from './context.ts'
import { bold, Failure, tick, yellow } from './report.ts'
import { shellEscape, sshArguments } from './ssh.ts'

export async function upload(context: Context): Promise<void> {
  const [name = ''] = context.list('NAME')
  const [local = ''] = context.list('LOCAL_PATH')
  const [dest] = context.list('DEST')
  if (lstatSync(local, { throwIfNoEntry: false }) === undefined) {
    throw new Failure(`local path does not exist: ${local}`)
  }
  note(`Uploading ${local} -> sandbox:${dest ?? '~'}`)
  await uploadTo(context, name, local, dest, !context.flag('no-git-ignore'))
  note(`${tick} Upload complete`)
}

/** What goes into the archive: paths below `folder`, and what they are called in it. */
interface Source {
  readonly folder: string
  readonly paths: readonly string[]
  /** sed's `s` expression for the names. */
  readonly rename?: string
  /** What could not be archived, after the paths. */
  readonly failure?: Failure
}

export async function uploadTo(
  context: Context,
  name: string,
  local: string,
  dest: string | undefined,
  gitIgnore: boolean,
): Promise<void> {
  const link = lstatSync(local).isSymbolicLink()
  const listed = gitIgnore && !link ? gitFiles(local) : undefined
  if (listed !== undefined && listed.paths.length > 0) {
    const prefix = statSync(local).isDirectory() ? prefixOf(context, local) : '.'
    await send(context, name, dest, { ...listed, rename: renaming(prefix) })
    return
  }
  if (listed !== undefined) {
    note(
      `${bold(yellow('⚠'))} .gitignore filtering excluded all files in ${local}; uploading unfiltered`,
    )
  }
  if (!link && statSync(local).isDirectory()) {
    const source = { folder: local, ...walk(local), rename: renaming(prefixOf(context, local)) }
    await send(context, name, dest, source)
    return
  }
  const failure = lstatSync(local).isFile() || link ? undefined : unsupported(local)
  if (failure !== undefined) throw failure
  const file = { folder: dirname(local), paths: [`./${basename(local)}`] }
  const slash = dest?.lastIndexOf('/') ?? -1
  // A path that does not end with a slash is the file's new name, but never one in the root.
  if (dest !== undefined && !dest.endsWith('/') && slash !== 0) {
    const parent = slash < 0 ? '.' : dest.slice(0, slash)
    await send(context, name, parent, { ...file, rename: `s|.*|${plain(dest.slice(slash + 1))}|` })
  } else await send(context, name, dest, { ...file, rename: 's|^[.]/||' })
}

/** The tree's own name, under which it arrives since 0.0.37; `.` and `/` have none. */
function prefixOf({ knobs }: Context, local: string): string {
  return atLeast(knobs.version, '0.0.37') ? basename(join(local)).replace(/^$/, '.') : '.'
}

const plain = (text: string) => text.replaceAll(/[\\&|]/g, '\\$&')
const renaming = (prefix: string) => `s|^[.]|${plain(prefix)}|`

function unsupported(path: string): Failure {
  return new Failure(`unsupported file type for upload: ${path}`)
}

/** All paths below `root` in order, until one that cannot be sent. */
function walk(root: string): { paths: string[]; failure?: Failure } {
  const paths: string[] = []
  const visit = (path: string): Failure | undefined => {
    const entry = lstatSync(join(root, path))
    if (!entry.isDirectory() && !entry.isFile() && !entry.isSymbolicLink()) {
      return unsupported(join(root, path))
    }
    paths.push(path)
    if (!entry.isDirectory()) return undefined
    for (const name of readdirSync(join(root, path)).sort()) {
      const failure = visit(`${path}/${name}`)
      if (failure !== undefined) return failure
    }
    return undefined
  }
  const failure = visit('.')
  return failure === undefined ? { paths } : { paths, failure }
}

/** What git does not ignore, or nothing outside a work tree. */
function gitFiles(local: string): Source | undefined {
  const real = realpathSync(local)
  const folder = statSync(real).isDirectory() ? real : dirname(real)
  const git = (cwd: string, ...args: string[]) =>
    spawnSync('git', args, { cwd, encoding: 'utf8', maxBuffer: 1 << 30 })
  const found = git(folder, 'rev-parse', '--show-toplevel')
  if (found.status !== 0) return undefined
  const top = realpathSync(found.stdout.trim())
  const within = relative(top, real)
  const listed = git(
    top,
    'ls-files',
    '-co',
    '--exclude-standard',
    '-z',
    ...(within ? [within] : []),
  )
  if (listed.status !== 0) return undefined
  const paths = listed.stdout
    .split('\0')
    .filter(Boolean)
    .map((path) => relative(folder, join(top, path)))
    .filter((path) => lstatSync(join(folder, path), { throwIfNoEntry: false }) !== undefined)
  return { folder, paths: paths.map((path) => `./${path}`) }
}

async function send(
  context: Context,
  name: string,
  dest: string | undefined,
  source: Source,
): Promise<void> {
  const place = shellEscape(dest ?? '.')
  const remote = `mkdir -p ${place} && cat | tar xf - -C ${place}`
  const args = [...(await sshArguments(context, name)), '-T', '-o', 'RequestTTY=no', 'sandbox']
  const tar = spawn(
    'tar',
    [
      ...['--create', '--file=-', '--format=gnu', '--hard-dereference', '--no-recursion'],
      ...['--directory', source.folder, '--null', '--verbatim-files-from', '--files-from=-'],
      // Names only, not what links point to.
      ...(source.rename === undefined ? [] : [`--transform=flags=r;${source.rename}`]),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  tar.stdin.end(source.paths.map((path) => `${path}\0`).join(''))
  const ssh = spawn('ssh', [...args, remote], { stdio: ['pipe', 'ignore', 'inherit'] })
  ssh.stdin.on('error', () => {})
  tar.stdout.pipe(ssh.stdin)
  const code = await new Promise<number>((resolve, reject) => {
    ssh.on('error', () => reject(new Failure('No such file or directory (os error 2)')))
    ssh.on('close', (status) => resolve(status ?? 1))
  })
  if (source.failure !== undefined) throw source.failure
  if (code !== 0) throw new Failure(`ssh tar extract exited with status exit status: ${code}`)
}
