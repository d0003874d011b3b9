// Where the benchmark works: a directory of its own, in memory where that can be had, because disks
// differ more than what is measured. What is left of a run, however it ended, is cleared away here.
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { capture, isRoot } from '../machine/run.mjs'

const gigabyte = 1024 ** 3

/** `{ folder, where, remove }`; `where` says what it lies on. */
export async function makeScratch() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-bench-')))
  const mounted = isRoot && freeMemory() > 6 * gigabyte && (await mountMemory(folder))
  return {
    folder,
    where: mounted ? 'in memory (tmpfs)' : 'on disk',
    async remove(engine) {
      killProcesses(folder)
      await removeContainers(engine, folder)
      // A namespace that is about to end may still hold it.
      if (mounted) await capture('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function mountMemory(folder) {
  const options = ['-t', 'tmpfs', '-o', 'size=4g,nr_inodes=2m,mode=755', 'tmpfs', folder]
  return (await capture('mount', options)).code === 0
}

function freeMemory() {
  const [, kilobytes] = /^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
  return Number(kilobytes ?? 0) * 1024
}

/** Those that were given a path in the folder: servers, sshd, what holds a sandbox open. */
function killProcesses(folder) {
  if (process.platform !== 'linux') return
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)) {
        process.kill(Number(pid), 'SIGKILL')
      }
    } catch {
      // it has ended meanwhile
    }
  }
}

async function removeContainers(engine, folder) {
  const label = 'sandbox-mcp.workspace'
  const found = (await engine?.containers(label)) ?? []
  for (const { Id, Labels } of found) {
    if (Labels[label]?.startsWith(folder)) await engine.removeContainer(Id)
  }
}
