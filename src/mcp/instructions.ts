/** What the model is told about this server before it uses it: a few facts, always the same text. */

export interface InstructionFacts {
  readonly network: boolean
  readonly writable: boolean
  readonly ephemeral: boolean
}

export function instructions({ network, writable, ephemeral }: InstructionFacts): string {
  return [
    "These tools act in a sandbox: a computer of its own with the user's project in /workspace.",
    writable
      ? "Files in /workspace are the user's real files; all others are the sandbox's own."
      : "Files in /workspace are the user's real files and cannot be changed.",
    network ? 'It has network access.' : 'It has no network access beyond its own localhost.',
    ephemeral
      ? 'The sandbox, with /tmp and all processes, ends with this session.'
      : 'Files such as /tmp stay between sessions; processes end with this session.',
    'Paths are relative to /workspace, or absolute in the sandbox.',
  ].join(' ')
}
