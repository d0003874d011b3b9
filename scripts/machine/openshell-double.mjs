// Whether the test double of OpenShell can run its sandboxes here: in namespaces, as a user that is not root.
import { existsSync } from 'node:fs'
import { capture, isRoot, which } from './run.mjs'

/** `{}` when they can, else `{ problem }`. */
export async function findOpenShellDouble() {
  if (process.platform !== 'linux') return { problem: 'its sandboxes need Linux' }
  if (!isRoot) return { problem: 'its sandboxes are made by root' }
  const bwrap = which('bwrap')
  if (bwrap === undefined) return { problem: 'bwrap is not installed' }
  if (which('ssh') === undefined) return { problem: 'ssh is not installed' }
  if (!existsSync('/usr/bin/perl')) return { problem: '/usr/bin/perl is not there' }
  const namespaces = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-net']
  const root = ['--cap-add', 'ALL', '--ro-bind', '/', '/', '--proc', '/proc', '--tmpfs', '/tmp']
  const tried = await capture(bwrap, [...namespaces, ...root, '--chmod', '1777', '/tmp', 'true'], {
    timeoutMs: 10_000,
  })
  if (tried.code === 0) return {}
  return { problem: `bwrap makes no namespaces here: ${tried.stderr.trim() || tried.code}` }
}
