/** How much memory a process has, as Linux tells it. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Megabytes that are resident now, and the most that were since `forgetPeak`. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) => {
    const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status) ?? []
    return (Number(kilobytes) * 1024) / 1e6
  }
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

/** From here on the peak is counted anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
