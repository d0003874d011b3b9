/**
 * The subcommands as people see them: help, completion and the check of arguments are made from this
 * table, so that none of them knows an option that another does not.
 */

export interface CommandOption {
  /** What stands for its value in help; absent for a switch. */
  readonly value?: string
  /** All that its value may be. */
  readonly words?: readonly string[]
  readonly text: string
}

export interface Command {
  /** A few words, for lists of commands. */
  readonly summary: string
  /** What comes after the name. */
  readonly usage: string
  readonly options: Readonly<Record<string, CommandOption>>
  /** Which of the server's options it takes too. */
  readonly server: 'all' | readonly string[]
  /** All that its first argument may be. */
  readonly words?: readonly string[]
  /** What else its help says. */
  readonly notes: readonly string[]
}

const json: CommandOption = { text: 'print JSON, for scripts' }
const settings = ['config', 'set'] as const

export const clientNames = [
  'claude-desktop',
  'claude-code',
  'cursor',
  'vscode',
  'codex',
  'gemini',
  'goose',
  'zed',
  'opencode',
] as const

export const shells = ['bash', 'zsh', 'fish'] as const

export const commands = {
  list: {
    summary: 'the sandboxes there are',
    usage: '[options]',
    options: {
      'all-installations': { text: 'also those of other installations on the same engines' },
      json,
    },
    server: settings,
    notes: [
      'Every engine is asked: Docker, bubblewrap, and ssh and OpenShell where they are',
      'set up. One that does not answer is named on stderr, and the others are listed.',
      '',
      'SESSION  -: the sandbox is for all sessions of its agent',
      'CONFIG   current: made with the present settings',
      '         stale: made with others; recreate applies the present ones',
      '         unused: the settings name another backend    -: cannot be told',
      'IDLE     since the last call, or "in use"',
    ],
  },
  explain: {
    summary: 'what would be used, and why',
    usage: '[--workspace DIR] [--agent ID] [--session NAME] ...',
    options: { json },
    server: 'all',
    notes: [
      'Takes every option of the server, and says what it would do with them: which',
      'sandbox, where, with which files, network, limits and tools, and where each',
      'value comes from. Nothing is started or made, and no engine is asked.',
      'Exit code 2 if the server would refuse to start.',
    ],
  },
  recreate: {
    summary: 'remove sandboxes, to begin anew',
    usage: 'NAME... | --agent ID | --session KEY | --all',
    options: {
      all: { text: 'all sandboxes of this installation' },
      agent: { value: 'ID', text: 'those of an agent' },
      session: {
        value: 'KEY',
        text: 'those of a session: its name, or scopeKey of list --json',
      },
      force: { text: 'do not ask' },
    },
    server: settings,
    notes: [
      'Says what will be lost, and asks; without a terminal it refuses unless --force.',
      'The next call of a tool makes the sandbox again, with the present settings.',
      'Workspaces on this machine stay as they are; those inside of ssh and remote',
      'OpenShell sandboxes are lost with them.',
    ],
  },
  prune: {
    summary: 'remove those long unused',
    usage: '[options]',
    options: {
      idle: { value: 'DURATION', text: 'those unused for so long, such as 12h or 7d' },
      age: { value: 'DURATION', text: 'those made so long ago' },
      workspaces: { text: 'also private workspaces that belong to no sandbox any more' },
      'dry-run': { text: 'say what would be removed, and remove nothing' },
      json,
    },
    server: settings,
    notes: [
      'Without --idle and --age the settings prune.idleHours and prune.maxAgeDays hold.',
      'What is in use is never removed, and neither is a directory of yours. What',
      'would be lost for good, the workspace in an ssh or remote OpenShell sandbox, is',
      'removed only if you say so on a terminal.',
    ],
  },
  doctor: {
    summary: 'what works here, and how to fix the rest',
    usage: '[options]',
    options: { json },
    server: 'all',
    notes: ['Exit code 1 if no sandbox can be made with these settings.'],
  },
  init: {
    summary: 'the settings for your client',
    usage: 'CLIENT [options]',
    options: {
      workspace: { value: 'DIR', text: 'the project [the current directory]' },
      name: { value: 'NAME', text: 'what the client calls the server [sandbox]' },
      write: { text: "put it into the client's own file; the old one is kept" },
    },
    server: [],
    words: clientNames,
    notes: [
      `CLIENT  ${clientNames.slice(0, 4).join(', ')},`,
      `        ${clientNames.slice(4).join(', ')}`,
    ],
  },
  config: {
    summary: 'check a file; print its schema',
    usage: 'check FILE | schema',
    options: {},
    server: [],
    words: ['check', 'schema'],
    notes: ['docs/configuration.md lists the settings.'],
  },
  completion: {
    summary: 'for bash, zsh and fish',
    usage: 'bash | zsh | fish',
    options: {},
    server: [],
    words: shells,
    notes: [
      'Prints a script that completes this command. To have it in every new shell:',
      '',
      '  bash  sandbox-mcp completion bash \\',
      '          > ~/.local/share/bash-completion/completions/sandbox-mcp',
      '  zsh   sandbox-mcp completion zsh > "$fpath[1]/_sandbox-mcp"',
      '  fish  sandbox-mcp completion fish \\',
      '          > ~/.config/fish/completions/sandbox-mcp.fish',
    ],
  },
} as const satisfies Record<string, Command>

export type CommandName = keyof typeof commands
