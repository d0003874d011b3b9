// Whether OpenSSH's server, and what its host is made of, are here for tests that start one of their own.
import { capture, isRoot, which } from './run.mjs'

/** `{ version }` when a server can be started, else `{ problem }`. */
export async function findSshd() {
  if (process.platform !== 'linux') return { problem: 'the tests start sshd on Linux only' }
  if (which('sshd') === undefined) return { problem: `sshd is not installed${installHint()}` }
  for (const command of ['ssh-keygen', 'busybox']) {
    if (which(command) === undefined) return { problem: `${command} is not installed` }
  }
  // It knows no option that only tells its version, and names it when it refuses one.
  const { stderr } = await capture(which('sshd'), ['-?'])
  return { version: /OpenSSH_([^\s,]+)/.exec(stderr)?.[1] ?? 'of unknown version' }
}

const installHint = () => (isRoot ? '' : '; install it: sudo apt-get install openssh-server')
