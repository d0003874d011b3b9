/** A shell that is there already, and is told each command by a line. */
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import type { Closable } from '../stage.ts'

export interface LineShell {
  /** Resolves when the command has ended. One at a time. */
  run(command: string): Promise<void>
}

/** `file` with `args` reads lines of sh; it is there until `close`. */
export async function lineShell(
  file: string,
  args: readonly string[],
): Promise<Closable<LineShell>> {
  const shell = execa(file, args, { buffer: false, reject: false })
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]()
  const run = async (command: string) => {
    shell.stdin.write(`${command}; echo "ended $?"\n`)
    const { value, done } = await lines.next()
    if (done || value !== 'ended 0') throw new Error(`${command}: ${value}`)
  }
  const close = async () => {
    shell.stdin.end()
    await shell
  }
  return { value: { run }, close }
}
