/** The help of one subcommand, made from the table of commands. */
import { type Command, type CommandName, commands } from './commands.ts'

export function commandHelp(name: CommandName): string {
  const { summary, usage, options, server, notes }: Command = commands[name]
  const own = Object.entries(options).map(([option, { value, text }]) => [
    `--${option}${value === undefined ? '' : ` ${value}`}`,
    text,
  ])
  const passed =
    server === 'all'
      ? [['...', 'and every option of the server: see sandbox-mcp --help']]
      : server.includes('config')
        ? [
            ['--config FILE', 'settings to read in place of the usual file'],
            ['--set KEY=VALUE', 'a setting, such as docker.memory=2g'],
          ]
        : []
  const rows = [...own, ...passed, ['--help', 'print this']]
  const width = Math.max(...rows.map(([option = '']) => option.length))
  return [
    `sandbox-mcp ${name}: ${summary}`,
    '',
    `Usage: sandbox-mcp ${name} ${usage}`,
    '',
    ...rows.map(([option = '', text]) => `  ${option.padEnd(width)}  ${text}`.trimEnd()),
    '',
    ...notes,
    '',
  ].join('\n')
}
