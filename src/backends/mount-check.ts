/** Proves that a new sandbox sees the host's directories, and not others of the same name elsewhere. */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sandboxStartFailed, shown } from '../errors.ts'
import { quote } from '../posix-sh.ts'
import type { Mount, Sandbox, SandboxSpec } from '../sandbox.ts'
import { runScript } from '../script.ts'

/**
 * Rejects with `SANDBOX_START_FAILED` when a mount inside cannot be entered or is another
 * directory: an engine on another machine, or a server that itself runs in a container, would
 * mount what lies at that path over there. Where inode numbers do not tell (a virtual machine between
 * the two), a file that appears for a moment in the directory does.
 */
export async function verifyMount(
  sandbox: Sandbox,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<void> {
  for (const mount of spec.mounts) await verify(sandbox, mount, signal)
}

async function verify(
  sandbox: Sandbox,
  { host, sandbox: inside }: Mount,
  signal: AbortSignal,
): Promise<void> {
  const inode = await run(sandbox, `cd -- ${quote(inside)} && ls -di .`, signal)
  if (inode.code !== 0) {
    throw sandboxStartFailed(
      `the directory ${shown(host)} cannot be entered inside the sandbox: ${inode.output}`,
      'Check that its owner may read it and pass through all directories above it.',
    )
  }
  if (Number.parseInt(inode.output, 10) === Number(statSync(host).ino)) return

  const name = `.sbx-${randomBytes(8).toString('hex')}`
  let seen = false
  try {
    await writeFile(join(host, name), '', { flag: 'wx' })
    seen = (await run(sandbox, `[ -e ${quote(`${inside}/${name}`)} ]`, signal)).code === 0
  } catch (error) {
    throw sandboxStartFailed(
      `could not check that the sandbox sees the directory ${shown(host)}: ${String(error)}`,
      'Check that the server may write there.',
      error,
    )
  } finally {
    await rm(join(host, name), { force: true })
  }
  if (!seen) {
    throw sandboxStartFailed(
      `the sandbox mounted another directory at ${inside} than the host's ${shown(host)}`,
      'Does the engine run on another machine, or this server in a container? Give a --workspace path that is the same directory on both.',
    )
  }
}

async function run(sandbox: Sandbox, script: string, signal: AbortSignal) {
  const { code, stdout, stderr } = await runScript(sandbox, script, undefined, signal)
  return { code, output: (stdout.toString() + stderr).trim() }
}
