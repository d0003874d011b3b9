/** What the model is told about this server before it uses it: a few facts, always the same text. */

export interface InstructionFacts {
  /** The user's files themselves, files kept in step with them, a copy that nothing returns from, or none. */
  readonly project: 'real' | 'mirror' | 'copy' | 'none'
  /** Its .git stays on the host. */
  readonly withoutGit: boolean
  /** Whether there is a project is not known before the client has been asked: the first result says it. */
  readonly uncertain: boolean
  /** False where the project is in /agent, beside a workspace of the sandbox's own. */
  readonly writable: boolean
  /** There is no sandbox: commands are the server's own on the user's machine. */
  readonly onHost: boolean
  /** Who commands run as on another machine: nothing keeps them from what this account may do. */
  readonly account: string | undefined
  /** How commands find the two directories where those are not /workspace and /agent. */
  readonly names: { readonly workspace: string; readonly agent: string } | undefined
  /** What else is mounted of the user's, and whether it can be changed. */
  readonly binds: readonly { readonly path: string; readonly writable: boolean }[]
  readonly network: 'none' | 'some' | 'of the machine' | 'of the host' | 'by policy'
  readonly ephemeral: boolean
}

export function instructions(facts: InstructionFacts): string {
  const parts = [place(facts), files(facts), network[facts.network], lifetime(facts), paths(facts)]
  return parts.join(' ')
}

function place({ project, uncertain, writable, onHost, account, binds }: InstructionFacts): string {
  if (onHost) {
    return "These tools act on the user's own machine, WITHOUT a sandbox: commands are not confined, and can do all that the user can. Take care."
  }
  if (account !== undefined) {
    return `These tools act on another machine: commands run as ${account}, are not confined, and can do all that this account can.`
  }
  const computer = 'These tools act in a sandbox: a computer of its own'
  if (project === 'none') {
    return `${computer}, without ${binds.length > 0 ? "the user's project" : "any of the user's files"}.`
  }
  const where = writable ? '/workspace' : '/agent'
  return `${computer} with the user's project in ${where}${uncertain ? ', if there is one' : ''}.`
}

const projects = {
  real: "Files in # are the user's real files",
  mirror: "Files in # are kept in step with the user's real files, at each call",
  copy: "# is a copy of the user's project that was made once: it is not kept in step, and nothing comes back to the user's machine",
}

const withoutGits = {
  real: '',
  mirror: ', all but .git',
  copy: '; .git was left out',
}

function files(facts: InstructionFacts): string {
  const { project, uncertain, writable, onHost, account, withoutGit, binds } = facts
  const others = `${bound(binds)}all others are the ${onHost || account !== undefined ? 'machine' : 'sandbox'}'s own`
  if (project === 'none') return `/workspace is private; ${others}.`
  const unless = uncertain ? ', unless the first result says that there is no project' : ''
  const git = withoutGit ? withoutGits[project] : ''
  if (writable) return `${projects[project].replace('#', '/workspace')}${git}${unless}; ${others}.`
  const unchanged = project === 'real' ? ' and cannot be changed' : ', and is not to be changed'
  const agent = projects[project].replace('#', '/agent')
  return `${agent}${unchanged}${git}${unless}; /workspace is private; ${others}.`
}

/** More are not named: this text is in every conversation. */
const namedBinds = 8

function bound(binds: InstructionFacts['binds']): string {
  if (binds.length === 0) return ''
  const named = binds
    .slice(0, namedBinds)
    .map(({ path, writable }) => (writable ? path : `${path} (read-only)`))
  const more = binds.length > namedBinds ? ` and ${binds.length - namedBinds} more` : ''
  return `the user's real files are in ${named.join(', ')}${more}; `
}

const network = {
  none: 'It has no network access beyond its own localhost.',
  some: 'It has network access.',
  'of the machine': "It has that machine's network.",
  'of the host': "It has this machine's network.",
  'by policy': 'Its network access is what its policy allows.',
}

function lifetime({ ephemeral, onHost, account }: InstructionFacts): string {
  if (onHost) return 'Processes end with this session.'
  if (!ephemeral)
    return 'Files such as /tmp stay between sessions; processes end with this session.'
  return account === undefined
    ? 'The sandbox, with /tmp and all processes, ends with this session.'
    : '/workspace and all processes end with this session.'
}

function paths({ names, project, writable, onHost }: InstructionFacts): string {
  const given = `Paths are relative to /workspace, or absolute ${onHost ? 'on the machine' : 'in the sandbox'}.`
  if (names === undefined) return given
  const agent = project === 'none' || writable ? '' : `, and /agent is ${names.agent}`
  return `${given} These names are for the tools: to commands, which start there, /workspace is ${names.workspace}${agent}.`
}
