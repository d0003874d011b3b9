/** One patch applied twice to the same files: by our `apply_patch`, and by the Codex binary. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isSandboxError } from '../../src/errors.ts'
import { applyPatch } from '../../src/tools/apply-patch.ts'
import { programPath } from './available.ts'
import { contentsOf } from './directory-contents.ts'
import { directorySession } from './directory-session.ts'
import type { PatchCase } from './patch-cases.ts'

export interface Applied {
  /** What it said, when it refused or failed. */
  readonly refusal: string | undefined
  /** The files afterwards, as `contentsOf` gives them. */
  readonly files: Readonly<Record<string, string>>
}

export interface BothApplied {
  readonly ours: Applied
  readonly theirs: Applied
}

export async function applyBoth(asked: PatchCase): Promise<BothApplied> {
  const [ours, theirs] = await Promise.all([applyOurs(asked), applyTheirs(asked)])
  return { ours, theirs }
}

export function applyTheirs({ files, patch }: PatchCase): Promise<Applied> {
  return inDirectory(files, (root) => refusalOfCodex(root, patch))
}

function applyOurs({ files, patch }: PatchCase): Promise<Applied> {
  return inDirectory(files, (root) => refusalOfOurs(root, join(root, '../inside'), patch))
}

/** A directory that holds `files` while `apply` changes them; nothing of it is left afterwards. */
async function inDirectory(
  files: PatchCase['files'],
  apply: (root: string) => Promise<string | undefined>,
): Promise<Applied> {
  // Patches may name what lies beside the workspace, hence a directory around it.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-test-')))
  const root = join(directory, 'workspace')
  try {
    for (const name of ['workspace', 'inside']) mkdirSync(join(directory, name))
    fill(root, files)
    return { refusal: await apply(root), files: contentsOf(root) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function fill(root: string, files: PatchCase['files']): void {
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(root, name.replace(/\*$/, ''))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes, 'latin1')
    if (name.endsWith('*')) chmodSync(path, 0o755)
  }
}

async function refusalOfOurs(root: string, inside: string, input: string) {
  const session = directorySession(root, inside)
  const { signal } = new AbortController()
  try {
    await applyPatch.run({ input }, { session, signal, progress: () => {} })
    return undefined
  } catch (error) {
    if (!isSandboxError(error)) throw error
    return `${error.code}: ${error.message}`
  }
}

/** The binary is `apply_patch` when it is called so. */
async function refusalOfCodex(root: string, patch: string): Promise<string | undefined> {
  const program = join(root, '../apply_patch')
  symlinkSync(programPath('codex'), program)
  return new Promise((resolve, reject) => {
    execFile(program, [patch], { cwd: root }, (error, _, stderr) => {
      if (error === null) resolve(undefined)
      // One that was not started, or was killed, has refused nothing.
      else if (typeof error.code !== 'number') reject(error)
      else resolve(`${error.code}: ${stderr.trim()}`)
    })
  })
}
