/** Scripts that complete the command in a shell, made from the table of commands. */
import { type Command, type CommandOption, commands, type shells } from './commands.ts'
import { serverOptions } from './server-options.ts'

interface Completed {
  /** Empty: no command yet, so that options are the server's. */
  readonly name: string
  readonly summary: string
  readonly words: readonly string[]
  readonly options: readonly (readonly [string, CommandOption])[]
}

const files: readonly string[] = ['config']
const directories: readonly string[] = ['workspace']

export function completionScript(shell: (typeof shells)[number]): string {
  switch (shell) {
    case 'bash':
      return bash()
    case 'zsh':
      return zsh()
    case 'fish':
      return fish()
  }
}

function completed(): Completed[] {
  const help: CommandOption = { text: 'what there is' }
  const server = Object.entries(serverOptions)
  const root = { name: '', summary: '', words: Object.keys(commands) }
  return [
    { ...root, options: [...server, ['help', help], ['version', { text: 'the version' }]] },
    ...Object.entries<Command>(commands).map(([name, command]) => {
      const passed = server.filter(
        ([option]) => command.server === 'all' || command.server.includes(option),
      )
      const own = Object.entries(command.options)
      return {
        name,
        summary: command.summary,
        words: command.words ?? [],
        options: [
          ...own,
          ...passed.filter(([option]) => !(option in command.options)),
          ['help', help],
        ],
      } as Completed
    }),
  ]
}

function bash(): string {
  const cases = completed().map(({ name, words, options }) => {
    const all = [...words, ...options.map(([option]) => `--${option}`)].join(' ')
    return `    ${name === '' ? "''" : name}) words='${all}' ;;`
  })
  const values = new Map<string, string>()
  for (const { options } of completed()) {
    for (const [option, { value, words }] of options) {
      if (value === undefined) continue
      values.set(option, valueCase(option, words))
    }
  }
  return `# Completion of sandbox-mcp for bash.
_sandbox_mcp() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= words= word
  COMPREPLY=()
  if [ "$COMP_CWORD" -gt 1 ]; then
    case \${COMP_WORDS[1]} in -*) ;; *) command=\${COMP_WORDS[1]} ;; esac
  fi
  case $previous in
${[...values].map(([option, action]) => `    --${option}) ${action}; return ;;`).join('\n')}
  esac
  case $command in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _sandbox_mcp sandbox-mcp
`
}

function valueCase(option: string, words: readonly string[] | undefined): string {
  const by =
    words !== undefined
      ? `-W '${words.join(' ')}'`
      : files.includes(option)
        ? '-f'
        : directories.includes(option)
          ? '-d'
          : undefined
  return by === undefined ? ':' : `mapfile -t COMPREPLY < <(compgen ${by} -- "$current")`
}

function zsh(): string {
  const [root, ...others] = completed()
  const branches = others.map(({ name, words, options }) => {
    const first = words.length === 0 ? [] : [`'1:what:(${words.join(' ')})'`]
    return `        ${name}) _arguments ${[...first, ...options.map(zshOption)].join(' ')} ;;`
  })
  const described = others.map(({ name, summary }) => `'${name}:${zshText(summary)}'`)
  return `#compdef sandbox-mcp
_sandbox-mcp() {
  local state line
  typeset -A opt_args
  _arguments -C ${(root?.options ?? []).map(zshOption).join(' ')} '1: :->command' '*:: :->rest'
  case $state in
    command)
      local -a commands=(${described.join(' ')})
      _describe command commands
      ;;
    rest)
      case $line[1] in
${branches.join('\n')}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = _sandbox-mcp ]; then
  _sandbox-mcp "$@"
else
  compdef _sandbox-mcp sandbox-mcp
fi
`
}

function zshOption([name, { value, words, text }]: readonly [string, CommandOption]): string {
  const action =
    words !== undefined
      ? `(${words.join(' ')})`
      : files.includes(name)
        ? '_files'
        : directories.includes(name)
          ? '_directories'
          : ' '
  const described = text === '' ? '' : `[${zshText(text)}]`
  return `'--${name}${value === undefined ? '' : '='}${described}${value === undefined ? '' : `:${value.toLowerCase()}:${action}`}'`
}

/** Signs that mean something in its specifications. */
const zshText = (text: string) => text.replaceAll("'", '').replaceAll(/[[\]:]/g, ' ')

function fish(): string {
  const lines = completed().flatMap(({ name, words, options }) => {
    const where = name === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${name}`
    const given = (rest: string) => `complete -c sandbox-mcp -n '${where}' ${rest}`
    const first =
      name === ''
        ? Object.entries<Command>(commands).map(([word, { summary }]) =>
            given(`-a ${word} -d '${fishText(summary)}'`),
          )
        : words.length > 0
          ? [given(`-a '${words.join(' ')}'`)]
          : []
    return [...first, ...options.map((option) => given(fishOption(option)))]
  })
  return `# Completion of sandbox-mcp for fish.
complete -c sandbox-mcp -f
${lines.join('\n')}
`
}

function fishOption([name, { value, words, text }]: readonly [string, CommandOption]): string {
  const takes =
    value === undefined
      ? ''
      : words !== undefined
        ? ` -x -a '${words.join(' ')}'`
        : files.includes(name) || directories.includes(name)
          ? ' -r -F'
          : ' -x'
  return `-l ${name}${takes}${text === '' ? '' : ` -d '${fishText(text)}'`}`
}

const fishText = (text: string) => text.replaceAll("'", '')
