/**
 * Fills the workspace of a remote sandbox from the host, once. All of it appears by one rename, so a
 * seed that is cut at any point leaves the workspace as it was: empty, and to be seeded.
 */
import { randomBytes } from 'node:crypto'
import { basename, dirname } from 'node:path/posix'
import { Readable } from 'node:stream'
import { cancelled, isSandboxError, sandboxStartFailed, shown } from '../errors.ts'
import { quote } from '../posix-sh.ts'
import type { OpenContext, Sandbox } from '../sandbox.ts'
import { runScript } from '../script.ts'
import { SeedArchive } from './seed-archive.ts'
import type { Problem } from './snapshot.ts'
import type { SyncRules } from './sync-rules.ts'

export interface Seed {
  /** Real absolute path of the directory to seed from. */
  readonly host: string
  readonly rules: SyncRules
  /** Absolute path of the directory to fill, when that is not the sandbox's workspace. */
  readonly root?: string
}

export interface Seeded {
  /** Unguessable; another one means that the workspace was made anew. */
  readonly generation: string
  /** What was sent now; undefined when the workspace had been seeded before. */
  readonly sent: { readonly files: number; readonly bytes: number } | undefined
  /** What could not be sent, and why. */
  readonly problems: readonly Problem[]
}

/** How often progress is told. */
const reportMs = 500
const raced = 8

/**
 * Seeds the workspace of `sandbox` unless it has been. Its root is a directory of its own, whose parent
 * is the sandbox's as well. Safe to race: one seed is published whole, the others are dropped.
 */
export async function seedOnce(
  sandbox: Sandbox,
  { host, rules, root = sandbox.root }: Seed,
  { signal, report }: OpenContext,
): Promise<Seeded> {
  const before = await generationOf(sandbox, root, signal)
  if (before !== undefined) return { generation: before, sent: undefined, problems: [] }

  const archive = new SeedArchive(host, rules)
  await archive.list(signal)
  const tell = () => report(progressText(archive))
  tell()
  const timer = setInterval(tell, reportMs)
  const generation = randomBytes(12).toString('hex')
  const source = Readable.from(archive.stream(basename(root), 'complete'), {
    objectMode: false,
  })
  const halt = new AbortController()
  let broken: unknown
  source.once('error', (error) => {
    broken = error
    halt.abort()
  })
  try {
    const script = seedScript(root, generation)
    const either = AbortSignal.any([signal, halt.signal])
    const { code, stderr } = await runScript(sandbox, script, source, either, 'bulk')
    if (code === raced) {
      const theirs = await generationOf(sandbox, root, signal)
      if (theirs !== undefined) return { generation: theirs, sent: undefined, problems: [] }
    }
    if (code !== 0) throw new Error(stderr.trim() || `exit code ${code}`)
  } catch (error) {
    if (signal.aborted) throw cancelled('seeding the workspace')
    if (broken === undefined && isSandboxError(error)) throw error
    const why = broken ?? error
    throw sandboxStartFailed(
      `the workspace could not be seeded from ${shown(host)}: ${why instanceof Error ? why.message : String(why)}`,
      'Check the free space there (df) and that tar is installed, then call again: nothing was left half done.',
      why,
    )
  } finally {
    clearInterval(timer)
    source.destroy()
  }
  const { sentFiles: files, sentBytes: bytes } = archive.progress
  return { generation, sent: { files, bytes }, problems: archive.problems }
}

/** The generation of the seed that is in the workspace; undefined before there is one. */
async function generationOf(
  sandbox: Sandbox,
  root: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { code, stdout, stderr } = await runScript(sandbox, probeScript(root), undefined, signal)
  if (code !== 0) {
    throw sandboxStartFailed(
      `the workspace ${shown(root)} cannot be looked at: ${stderr.trim() || `exit code ${code}`}`,
      'Check its permissions there, then call again.',
    )
  }
  return stdout.toString().trim() || undefined
}

/** Beside the workspace it is `seeded`; other directories have marks of their own. */
function markOf(root: string): string {
  const name = basename(root)
  return quote(`${dirname(root)}/seeded${name === 'workspace' ? '' : `-${name}`}`)
}

/** A workspace that holds something was published whole, even if its mark was not written any more. */
function probeScript(root: string): string {
  return `mark=${markOf(root)}
cd -- ${quote(root)} || exit 1
if [ -f "$mark" ]; then cat "$mark"
elif [ -n "$(ls -A)" ]; then echo unmarked; fi`
}

function seedScript(root: string, generation: string): string {
  return `mark=${markOf(root)}
umask 077
cd -- ${quote(dirname(root))} || exit 1
base=${quote(basename(root))}
find . -maxdepth 1 -name '.seed-*' -mtime +0 -exec rm -rf -- {} + 2>/dev/null
stage=.seed-${generation}
trap 'rm -rf -- "$stage"' EXIT
mkdir -- "$stage" "$stage/$base" || exit 1
chmod 755 "$stage/$base"
(umask 0; cd -- "$stage" && tar -xof -) || exit 1
[ -f "$stage/complete" ] || { echo 'the transfer was cut' >&2; exit 1; }
[ ! -e "$mark" ] && mv -f -- "$stage/$base" . 2>/dev/null || exit ${raced}
echo ${generation} >"$stage/mark" && mv -f -- "$stage/mark" "$mark"`
}

function progressText({ progress, files, bytes }: SeedArchive): string {
  const mib = (count: number) => (count / 1024 / 1024).toFixed(1)
  return `seeding the workspace: ${progress.sentFiles} of ${files} files, ${mib(progress.sentBytes)} of ${mib(bytes)} MiB`
}
