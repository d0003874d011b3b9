/** Proves that a new sandbox sees the host's directories, and not others of the same name elsewhere. */
import { randomBytes } from 'node:crypto'
import { readdirSync, type Stats } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sandboxStartFailed, shown } from '../errors.ts'
import { quote } from '../posix-sh.ts'
import { statReal } from '../real-paths.ts'
import type { Mount, Sandbox, SandboxSpec } from '../sandbox.ts'
import { runScript } from '../scripts/script.ts'

/** How many names of a directory are compared where nothing can be written to it. */
const namesCompared = 50

/**
 * Rejects with `SANDBOX_START_FAILED` when a mount inside cannot be entered or is another directory or
 * file: an engine on another machine, or a server that itself runs in a container, would mount what
 * lies at that path over there. Where inode numbers do not tell (a virtual machine between the two), a
 * file that appears for a moment in the directory does.
 */
export async function verifyMount(
  sandbox: Sandbox,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<void> {
  const look = `newline='\n'\n${spec.mounts.map(({ sandbox: inside }) => lookAt(inside)).join('\n')}`
  const { stdout } = await runScript(sandbox, look, undefined, signal)
  const seen = stdout.toString().split('\n')
  for (const [at, mount] of spec.mounts.entries()) {
    const stats = statusOf(mount)
    const [inode, problem] = [seen[at] ?? '', seen[at]?.replace(/^!/, '')]
    if (!/^\s*\d/.test(inode)) {
      throw sandboxStartFailed(
        `${nameOf(mount, at)} cannot be entered inside the sandbox: ${problem}`,
        'Check that its owner may read it and pass through all directories above it.',
      )
    }
    if (Number.parseInt(inode, 10) === Number(stats.ino)) continue
    if (await isSame(sandbox, mount, stats, at, signal)) continue
    throw sandboxStartFailed(
      `the sandbox mounted another ${stats.isDirectory() ? 'directory' : 'file'} at ${mount.sandbox} than the host's ${shown(mount.host)}`,
      `Does the engine run on another machine, or this server in a container? Give ${at === 0 ? 'a --workspace path' : 'a path'} that is the same on both.`,
    )
  }
}

/** One line: the inode number, or `!` and why it cannot be had. */
function lookAt(inside: string): string {
  const path = quote(inside)
  return `if [ -d ${path} ]; then line=$(cd -- ${path} 2>&1 && ls -di . 2>&1); else line=$(ls -di -- ${path} 2>&1); fi
case $line in [0-9]*|' '*) ;; *) line="!$line" ;; esac
echo "\${line%%"$newline"*}"`
}

/** Of what is there now, which must still be what was asked for. */
function statusOf({ host, sandbox }: Mount): Stats {
  try {
    return statReal(host)
  } catch {
    // It is gone, or a link that was put in its place, or on the way to it, leads elsewhere.
  }
  throw sandboxStartFailed(
    `${shown(host)}, mounted at ${sandbox}, was replaced while the sandbox was opened`,
    'Put it back, then call again.',
  )
}

const nameOf = ({ host, sandbox }: Mount, at: number) =>
  at === 0 ? `the workspace ${shown(host)}` : `${shown(host)}, mounted at ${sandbox},`

async function isSame(
  sandbox: Sandbox,
  { host, sandbox: inside }: Mount,
  stats: Stats,
  at: number,
  signal: AbortSignal,
): Promise<boolean> {
  const holds = async (script: string) =>
    (await runScript(sandbox, script, undefined, signal)).code === 0
  if (!stats.isDirectory()) {
    return holds(
      stats.isFile() ? `[ $(wc -c <${quote(inside)}) = ${stats.size} ]` : `[ -e ${quote(inside)} ]`,
    )
  }
  const name = `.sbx-${randomBytes(8).toString('hex')}`
  try {
    await writeFile(join(host, name), '', { flag: 'wx' })
  } catch (error) {
    // What is mounted besides the workspace may be nobody's to write to.
    if (at > 0) return holds(hasNames(inside, readdirSync(host)))
    throw sandboxStartFailed(
      `could not check that the sandbox sees the workspace ${shown(host)}: ${String(error)}`,
      'Check that the server may write there.',
      error,
    )
  }
  try {
    return await holds(`[ -e ${quote(`${inside}/${name}`)} ]`)
  } finally {
    await rm(join(host, name), { force: true })
  }
}

function hasNames(inside: string, names: readonly string[]): string {
  const enter = `cd -- ${quote(inside)} || exit 1`
  if (names.length === 0) return `${enter}\n[ -z "$(ls -A)" ]`
  const some = names.slice(0, namesCompared).map(quote).join(' ')
  return `${enter}\nfor name in ${some}; do [ -e "$name" ] || [ -h "$name" ] || exit 1; done`
}
