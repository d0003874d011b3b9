/** What the model is told about this server before it uses it: a few facts, always the same text. */

export interface InstructionFacts {
  /** What there is of the user's project: the files themselves, a copy that nothing returns from, nothing. */
  readonly project: 'real' | 'copy' | 'none'
  /** Whether the project can be changed, or is in /agent, beside a workspace of the sandbox's own. */
  readonly writable: boolean
  /** Where commands run when that is no sandbox: nothing keeps them from what that account may do. */
  readonly account: string | undefined
  /** How the workspace is called in commands; undefined: commands begin in it, and its name is not known yet. */
  readonly root: string | undefined
  readonly network: 'none' | 'some' | 'of the host' | 'as the policy says'
  readonly ephemeral: boolean
}

export function instructions(facts: InstructionFacts): string {
  return [place(facts), files(facts), network[facts.network], lifetime(facts), paths(facts)].join(
    ' ',
  )
}

function place({ project, writable, account }: InstructionFacts): string {
  if (account !== undefined) {
    return `These tools act on another machine: commands run as ${account}, are not confined, and can do all that this account can.`
  }
  const computer = 'These tools act in a sandbox: a computer of its own'
  if (project === 'none') return `${computer}, without any of the user's files.`
  return `${computer} with the user's project in ${writable ? '/workspace' : '/agent'}.`
}

function files({ project, writable, account }: InstructionFacts): string {
  const others =
    account === undefined ? "all others are the sandbox's own" : 'all others are its own'
  if (project === 'none') return `/workspace is private and persistent; ${others}.`
  if (project === 'real') {
    return writable
      ? `Files in /workspace are the user's real files; ${others}.`
      : `Files in /agent are the user's real files and cannot be changed; /workspace is private, and ${others}.`
  }
  const copy =
    'is a copy of the project, made once: the user changes other files, and nothing comes back'
  return writable
    ? `/workspace ${copy}; ${others}.`
    : `/agent ${copy}; the tools do not change it. /workspace is private, and ${others}.`
}

const network = {
  none: 'It has no network access beyond its own localhost.',
  some: 'It has network access.',
  'of the host': "It has that machine's network.",
  'as the policy says': 'Its network is what its policy allows.',
}

function lifetime({ ephemeral, account }: InstructionFacts): string {
  if (!ephemeral)
    return 'Files such as /tmp stay between sessions; processes end with this session.'
  return account === undefined
    ? 'The sandbox, with /tmp and all processes, ends with this session.'
    : '/workspace and all processes end with this session.'
}

function paths({ root }: InstructionFacts): string {
  const given = 'Paths are relative to /workspace, or absolute in the sandbox.'
  if (root === '/workspace') return given
  const called = root === undefined ? 'they start in it' : `they start in it, and call it ${root}`
  return `${given} Commands do not know the name /workspace: ${called}.`
}
