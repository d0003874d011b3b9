/**
 * Output of a command as text for a reader that is no terminal: colours and cursor movements taken
 * out, progress bars in their last state, and other control characters made visible. What was done is
 * counted, so that it can be said; the bytes as they were are in the log.
 */

export interface TerminalText {
  readonly text: string
  /** Terminal escape sequences taken out. */
  readonly escapes: number
  /** Texts that a carriage return let the next one overwrite. */
  readonly overwritten: number
  /** Control characters shown as symbols. */
  readonly controls: number
  /** Sequences of bytes that are not UTF-8, shown as U+FFFD. */
  readonly undecodable: number
}

/**
 * CSI, then strings (OSC, DCS, SOS, PM, APC) up to their end, then two-character and unfinished ones. A string goes
 * over several lines, as an image does, only where it is ended as such: else all that follows would be one.
 */
const escapeSequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
  /\u001b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|[\]PX^_][^\u0007\u001b\n]*(?:\u0007|\u001b\\|$)|[PX^_][^\u0007\u001b]*\u001b\\|[ -/]*[0-~]|$)/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** The text of `bytes`, which begin and end between two characters. */
export function terminalText(bytes: Buffer): TerminalText {
  const decoded = bytes.toString('utf8')
  const undecodable = count(decoded, '\u{fffd}') - count(bytes, '\u{fffd}')

  let escapes = 0
  const plain = decoded.replace(escapeSequences, () => {
    escapes += 1
    return ''
  })
  const { text: settled, overwritten } = lastStates(plain)

  let controls = 0
  const text = settled.replace(controlCharacters, (character) => {
    controls += 1
    const code = character.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : '\u{fffd}'
  })
  return { text, escapes, overwritten, controls, undecodable }
}

/** What was changed, in words, or undefined when nothing was. */
export function changesOf(texts: readonly TerminalText[]): string | undefined {
  const sum = (key: 'escapes' | 'overwritten' | 'controls' | 'undecodable') =>
    texts.reduce((total, one) => total + one[key], 0)
  const changes = [
    [sum('escapes'), 'terminal escape sequences taken out'],
    [sum('overwritten'), 'progress texts that were overwritten left out'],
    [sum('controls'), 'control characters shown as symbols'],
    [sum('undecodable'), 'byte sequences that are not UTF-8 shown as \u{fffd}'],
  ] as const
  const told = changes.filter(([number]) => number > 0)
  if (told.length === 0) return undefined
  return told.map(([number, words]) => `${number} ${words}`).join(', ')
}

function lastStates(text: string): { text: string; overwritten: number } {
  if (!text.includes('\r')) return { text, overwritten: 0 }
  let overwritten = 0
  const lines = text.split('\n').map((line) => {
    const states = line.split('\r').filter((state) => state !== '')
    overwritten += Math.max(0, states.length - 1)
    return states.at(-1) ?? ''
  })
  return { text: lines.join('\n'), overwritten }
}

function count(within: string | Buffer, what: string): number {
  let found = 0
  for (let at = within.indexOf(what); at !== -1; at = within.indexOf(what, at + what.length)) {
    found += 1
  }
  return found
}
