// Whether bubblewrap can be used here.
import { capture, which } from './run.mjs'

/** `{ version }` when it works, else `{ problem, fix }`. */
export async function findBubblewrap() {
  if (process.platform !== 'linux') {
    return { problem: 'bubblewrap needs Linux', fix: 'Use Docker here.' }
  }
  const bwrap = which('bwrap')
  if (bwrap === undefined) return { problem: 'bwrap is not installed', fix: installHint() }
  const sandbox = ['--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev']
  const tried = await capture(bwrap, [...sandbox, '/bin/true'], { timeoutMs: 10_000 })
  if (tried.code !== 0) {
    return {
      problem: `bwrap does not work here: ${tried.stderr.trim() || `exit code ${tried.code}`}`,
      fix: 'Allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu sysctl kernel.apparmor_restrict_unprivileged_userns=0.',
    }
  }
  const { stdout } = await capture(bwrap, ['--version'])
  return { version: stdout.trim().split(' ').at(-1) }
}

function installHint() {
  const ways = [
    ['apt-get', 'sudo apt-get install bubblewrap'],
    ['dnf', 'sudo dnf install bubblewrap'],
    ['pacman', 'sudo pacman -S bubblewrap'],
    ['apk', 'sudo apk add bubblewrap'],
    ['zypper', 'sudo zypper install bubblewrap'],
  ]
  const way = ways.find(([manager]) => which(manager) !== undefined)
  return way === undefined ? 'Install bubblewrap.' : `Install it: ${way[1]}`
}
