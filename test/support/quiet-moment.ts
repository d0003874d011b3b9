/**
 * What a scan of this machine would have been told on a quiet one. When another process comes between the readings
 * of its clocks, or another test mounts something, a scan is right to doubt; a test that counts what is doubted
 * must see only what it has done itself.
 */
import { readFileSync } from 'node:fs'

const recent = /^([\d.]+) ([\d.]+) [\d.]+\0[^\0]+\0/
const whole = /^([\d.]+)\n(all|changes)\n([\d.]+) [\d.]+\n(.*\n.*\n)(?:\d+ \d+ .*\n)+(?=\.\n)/

/** Of one sandbox. `seconds` is how far its clock is from what it should be. */
export function quietMoments(): (stdout: string, seconds: number) => string {
  // In this order what comes between makes it less, and then more is looked at than has to be.
  const now = Date.now() / 1000
  const booted = now - uptime()
  const mounts = '1 0 0:1 / / rw - tmpfs tmpfs rw\n'
  return (stdout, seconds) => {
    const clock = (told: string, up: string) => {
      const at = booted + Number(up) + seconds
      // Of whole seconds a scan knows less, so it must not look like them.
      return told.includes('.') ? `${at.toFixed(3)}1` : String(Math.floor(at))
    }
    return stdout
      .replace(recent, (_, told, up) => `${clock(told, up)} ${up} ${up}\0${mounts}\0`)
      .replace(whole, (_, told, what, up, root) => {
        return `${clock(told, up)}\n${what}\n${up} ${up}\n${root}${mounts}`
      })
  }
}

const uptime = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
