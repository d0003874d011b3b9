/** What a sandbox has run out of, as far as the way in which a shell of it ended tells. Pure. */

export interface UsedUp {
  /** As the end of a sentence. */
  readonly reason: string
  readonly hint: string
}

const processes: UsedUp = {
  reason: 'no process more can be started in the sandbox',
  hint: 'End what runs there with the process tool, then call again; or raise its limit of processes.',
}

const memory: UsedUp = {
  reason:
    'what was to do it was killed there (exit code 137), perhaps because the memory is used up',
  hint: 'End what runs there with the process tool, or delete large files in its /tmp, which may be in memory. When nothing can be started any more, remove the sandbox with "sandbox-mcp recreate", or raise its limit of memory.',
}

/**
 * Shells that cannot fork end with 2, bash with 254, and say so in words that have one in common; where nobody heard
 * them, the code alone is told. Undefined when it ended for another reason.
 */
export function usedUp(code: number, words: string): UsedUp | undefined {
  if (code === 137) return memory
  const cannotFork = /\bfork\b/i.test(words) || words.trim() === ''
  return (code === 2 || code === 254) && cannotFork ? processes : undefined
}
