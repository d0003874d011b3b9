/** clap's usage lines, its help, and what it thinks was meant. */
import { type Command, globalOptions, type Option, type Positional } from './command.ts'

export function usage(path: readonly Command[]): string {
  const command = path.at(-1)
  const words = path.map(({ name }) => name).join(' ')
  if (command?.commands !== undefined) return `Usage: ${words} [OPTIONS] [COMMAND]`
  const required = (command?.options ?? [])
    .filter((option) => option.required)
    .map(({ long, value }) => ` --${long} <${value}>`)
  const positionals = (command?.positionals ?? []).map(positionalText)
  return `Usage: ${words} [OPTIONS]${required.join('')}${positionals.map((text) => ` ${text}`).join('')}`
}

function positionalText({ name, required, repeat, last }: Positional): string {
  const dots = repeat ? '...' : ''
  if (last) return `[-- <${name}>${dots}]`
  return required ? `<${name}>${dots}` : `[${name}]${dots}`
}

/** What `--help` prints, or a group without a subcommand. */
export function help(path: readonly Command[], known: (since?: string) => boolean): string {
  const command = path.at(-1)
  if (command === undefined) return ''
  const commands = (command.commands ?? []).filter(({ since }) => known(since))
  const options = [...(command.options ?? []), ...globalOptions].filter(
    ({ since, hidden }) => known(since) && !hidden,
  )
  const width = Math.max(0, ...commands.map(({ name }) => name.length))
  const lines = [
    command.about,
    '',
    'USAGE',
    `  ${usage(path).replace('Usage: ', '')}`,
    '',
    ...(commands.length === 0 ? [] : ['COMMANDS']),
    ...commands.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`),
    ...(commands.length === 0 ? [] : ['']),
    'FLAGS',
    ...options.map(({ short, long, value }) =>
      `  ${short === undefined ? '   ' : `-${short},`} --${long}${value === undefined ? '' : ` <${value}>`}`.trimEnd(),
    ),
  ]
  return `${lines.join('\n')}\n`
}

/** The option whose name is near enough that it may have been meant. */
export function nearestOption(name: string, options: readonly Option[]): string | undefined {
  return options.find(
    ({ long, hidden }) =>
      !hidden && name.length > 1 && (long.startsWith(name) || name.startsWith(long)),
  )?.long
}
