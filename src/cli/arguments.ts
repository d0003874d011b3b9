/** The arguments of a subcommand, judged by the table of commands. */
import { parseArgs } from 'node:util'
import { nearestWord } from '../config/nearest-word.ts'
import { configInvalid, shown } from '../errors.ts'
import { commandHelp } from './command-help.ts'
import { type Command, type CommandName, commands } from './commands.ts'
import { serverOptions } from './server-options.ts'
import { print } from './terminal.ts'

export interface Arguments {
  /** Of its own options: what was given. A switch is there or not. */
  readonly given: Readonly<Record<string, string>>
  readonly names: readonly string[]
  /** The server's options among them, as the server takes them. */
  readonly server: readonly string[]
}

/** Undefined when help was asked for, which is printed then. `CONFIG_INVALID` for what it does not know. */
export async function readArguments(
  name: CommandName,
  argv: readonly string[],
): Promise<Arguments | undefined> {
  if (argv.some((argument) => argument === '--help' || argument === '-h')) {
    await print(commandHelp(name))
    return undefined
  }
  const { options, server: passed, usage }: Command = commands[name]
  const servers = passed === 'all' ? Object.keys(serverOptions) : passed
  const known = [...new Set([...Object.keys(options), ...servers])]
  const takesValue = (option: string) =>
    (options[option] ?? serverOptions[option])?.value !== undefined
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      known.map((option) => [option, { type: takesValue(option) ? 'string' : 'boolean' }]),
    ),
    strict: false,
    tokens: true,
  })
  const given: Record<string, string> = {}
  const names: string[] = []
  const server: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') names.push(token.value)
    if (token.kind !== 'option') continue
    if (!known.includes(token.name)) throw unknownOption(name, token.rawName, known)
    const { value } = token
    // As for the server, another option is no value.
    const isOption = token.inlineValue === false && /^-./.test(value ?? '')
    if (takesValue(token.name) && (value === undefined || isOption)) {
      throw configInvalid(`--${token.name} needs a value`, help(name))
    }
    if (!takesValue(token.name) && value !== undefined) {
      throw configInvalid(`--${token.name} takes no value`, help(name))
    }
    if (Object.hasOwn(options, token.name)) given[token.name] = value ?? ''
    else server.push(value === undefined ? `--${token.name}` : `--${token.name}=${value}`)
  }
  const takesNames = /^[A-Z]|^[a-z]/.test(usage)
  if (!takesNames && names.length > 0) {
    throw configInvalid(`${shown(names[0] ?? '')} is not an option`, help(name))
  }
  return { given, names, server }
}

function unknownOption(name: CommandName, option: string, known: readonly string[]) {
  const near = nearestWord(option.replace(/^-+/, ''), [...known, 'help'])
  const hint = near === undefined ? '' : `Did you mean --${near}? `
  return configInvalid(`${name} has no option ${shown(option)}`, hint + help(name))
}

/** Where to read more. */
export const help = (name: CommandName) => `See "sandbox-mcp ${name} --help".`
