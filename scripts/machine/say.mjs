// What the scripts print: short aligned lines, with colour only where a person watches.
const live = process.stdout.isTTY === true
const coloured = live && !process.env.NO_COLOR

const paint = (code) => (text) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : `${text}`)
export const bold = paint('1')
export const dim = paint('2')
export const red = paint('31')
export const green = paint('32')
const yellow = paint('33')

const labelWidth = 14

export function say(text = '') {
  process.stdout.write(`${text}\n`)
}

/** Milliseconds as a person says them. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}

const line = (mark, label, detail) => say(`  ${mark} ${label.padEnd(labelWidth)} ${detail}`)

export const done = (label, detail) => line(green('✓'), label, detail)
export const missing = (label, detail) => line(yellow('–'), label, detail)
export const failed = (label, detail) => line(red('✗'), label, detail)

/**
 * Does something that takes a while: says so first, then what came of it and how long it took.
 * `action` returns the closing words.
 */
export async function during(label, working, action) {
  const opening = `  · ${label.padEnd(labelWidth)} ${working} …`
  process.stdout.write(live ? dim(opening) : `${opening}\n`)
  const started = performance.now()
  try {
    const detail = await action()
    if (live) process.stdout.write('\r\x1b[K')
    done(label, `${detail}  ${dim(duration(performance.now() - started))}`)
  } catch (error) {
    if (live) process.stdout.write('\r\x1b[K')
    throw error
  }
}
