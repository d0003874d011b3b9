/** What is printed, and what is asked: stdout is for what was asked for, stderr for all else. */
import { createInterface } from 'node:readline'

/** Resolves when it is on its way; harmless when nobody reads on. */
export function print(text: string): Promise<void> {
  const { stdout } = process
  // The end of a write tells of it too, but without a listener it would end the process.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => {})
  return new Promise((resolve) => {
    stdout.write(text, () => resolve())
  })
}

export const printJson = (value: unknown) => print(`${JSON.stringify(value, undefined, 2)}\n`)

/** A line for a person. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

/** Coloured where stdout is a terminal, and nobody objects. */
export function coloured(colour: keyof typeof codes, text: string): string {
  const { NO_COLOR, TERM } = process.env
  if (!process.stdout.isTTY || NO_COLOR || TERM === 'dumb') return text
  return `\u001b[${codes[colour]}m${text}\u001b[0m`
}

/** Whether there is somebody to ask. */
export const isAttended = () => process.stdin.isTTY === true && process.stderr.isTTY === true

/** True for a yes. Ends of input and everything else are a no. */
export function ask(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  return new Promise((resolve) => {
    const unanswered = () => {
      // What is said next does not belong behind the question.
      say('')
      resolve(false)
    }
    asking.once('close', unanswered)
    asking.question(`${question} [y/N] `, (answer) => {
      asking.off('close', unanswered)
      resolve(/^y(es)?$/i.test(answer.trim()))
      asking.close()
    })
  })
}
