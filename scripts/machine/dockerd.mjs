// A Docker daemon of our own, for machines that have one installed and not running. It outlives
// nothing: whoever starts it stops it.
import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findEngine } from './docker.mjs'
import { defaultHost, dockerHosts } from './docker-hosts.mjs'
import { capture, checkInterrupted, isRoot, Problem, which } from './run.mjs'

/** Why no daemon can be started here, or undefined when one can. */
export function dockerdProblem() {
  if (process.platform !== 'linux') return 'start Docker Desktop, or another Docker engine'
  if (!dockerHosts().includes(defaultHost)) return 'DOCKER_HOST or the context names another engine'
  if (!isRoot) return 'only root may start one'
  return which('dockerd') === undefined ? 'dockerd is not installed' : undefined
}

/** Starts dockerd and waits until it answers; resolves with `{ engine, stop }`. */
export async function startDockerd() {
  await ensureCgroups()
  // A machine whose kernel has no NAT can still run containers without a network, as ours are.
  const attempts = [[], ['--iptables=false', '--ip6tables=false', '--bridge=none']]
  let reason
  for (const flags of attempts) {
    const daemon = launch(flags)
    try {
      return { engine: await daemon.answering(), stop: () => daemon.stop() }
    } catch (error) {
      await daemon.stop()
      checkInterrupted()
      reason = error.message
    }
  }
  throw new Problem(`dockerd did not start: ${reason}`)
}

/** An installation that was just made may be starting the daemon itself. */
export async function daemonIsStarting() {
  try {
    const pid = Number(readFileSync('/var/run/docker.pid', 'utf8'))
    process.kill(pid, 0)
  } catch {
    return false
  }
  for (let tries = 0; tries < 40; tries += 1) {
    if ((await findEngine()).engine !== undefined) return true
    await sleep(250)
  }
  return false
}

function launch(flags) {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-dockerd-'))
  const log = join(folder, 'dockerd.log')
  const output = openSync(log, 'a')
  // A group of its own: Ctrl-C is for the tests first, and for the daemon when they have ended.
  const child = spawn(which('dockerd'), flags, {
    detached: true,
    stdio: ['ignore', output, output],
  })
  let ended = false
  const end = new Promise((resolve) => {
    child.on('error', resolve)
    child.on('exit', resolve)
  }).then(() => {
    ended = true
  })

  async function answering() {
    for (let tries = 0; tries < 240 && !ended; tries += 1) {
      checkInterrupted()
      const { engine } = await findEngine()
      if (engine !== undefined) return engine
      await Promise.race([end, sleep(250)])
    }
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
    throw new Error(ended ? lines.slice(-5).join('\n') : 'it does not answer after a minute')
  }

  async function stop() {
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      if (ended) break
      child.kill(signal)
      await Promise.race([end, sleep(20_000, undefined, { ref: false })])
    }
    rmSync(folder, { recursive: true, force: true })
  }

  return { answering, stop }
}

/** Without an init system nobody may have mounted the control groups that containers need. */
async function ensureCgroups() {
  const folder = '/sys/fs/cgroup'
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  if (mounts.includes(` ${folder}`)) return
  try {
    if (readdirSync(folder).length > 0) return
  } catch {
    return
  }
  await capture('mount', ['-t', 'cgroup2', 'cgroup2', folder])
}
