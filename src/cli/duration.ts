/** Times as people write and read them: `90s`, `12h`, `7d`. */
import { configInvalid, shown } from '../errors.ts'

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Milliseconds. `CONFIG_INVALID` for anything that is no duration; `from` names it. */
export function durationMs(from: string, text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text.trim()) ?? []
  if (text.trim() === '0') return 0
  if (count !== undefined) return Number(count) * units[unit as keyof typeof units]
  throw configInvalid(
    `${from} ${shown(text)} is not a duration`,
    'Write a number with s, m, h, d or w, such as 12h.',
  )
}

/** In its largest unit, as kubectl does: `45s`, `3m`, `5h`, `12d`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)}m`
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
