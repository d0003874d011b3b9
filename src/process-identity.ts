/** Processes of this machine, named beyond the reuse of their pid. */
import { readFileSync, readlinkSync } from 'node:fs'
import type { ServerProcess } from './sandbox.ts'

/** This server, for labels and lock files. */
export function thisProcess(): ServerProcess {
  return { pid: process.pid, started: startOf(process.pid) ?? '' }
}

/** False once it has ended, also when nobody has reaped it yet. */
export function isAlive({ pid, started }: ServerProcess): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  if (started !== '') return startOf(pid) === started
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Names where pids mean the same: one boot of a machine, and one namespace there. '' where there is no /proc. */
export function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}

/**
 * Start time in clock ticks since boot (proc(5), `stat` field 22); undefined when there is no such
 * process, and where there is no /proc.
 */
export function startOf(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The name before it is in brackets and may hold anything, brackets and blanks included.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}
