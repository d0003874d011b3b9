/** `sandbox-mcp completion SHELL`. */
import { configInvalid, shown } from '../errors.ts'
import { help, readArguments } from './arguments.ts'
import { shells } from './commands.ts'
import { completionScript } from './completion-script.ts'
import { print } from './terminal.ts'

export async function run(argv: readonly string[]): Promise<number> {
  const args = await readArguments('completion', argv)
  if (args === undefined) return 0
  const [name, ...more] = args.names
  const shell = shells.find((one) => one === name)
  if (shell === undefined || more.length > 0) {
    const what =
      name === undefined
        ? 'for which shell?'
        : `there is no completion for ${shown(args.names.join(' '))}`
    throw configInvalid(what, `There are ${shells.join(', ')}. ${help('completion')}`)
  }
  await print(completionScript(shell))
  return 0
}
