/** How a command is told to the model, running or ended: the same for exec and process. */
import { constants } from 'node:os'
import { z } from 'zod'
import type { Execution } from '../exec.ts'
import type { ContentBlock } from './tool.ts'

export const executionShape = z.object({
  outcome: z.enum(['exited', 'timed-out', 'cancelled', 'running']),
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  durationMs: z.number(),
  output: z.string(),
  stdoutBytes: z.number(),
  stderrBytes: z.number(),
  omittedBytes: z.number(),
  processId: z.string().nullable(),
  log: z.string().nullable(),
})

export type ExecutionFacts = z.output<typeof executionShape>

/** The URI of a command's whole output. */
export const logUri = (execution: Execution) => `exec://${execution.id}`

export function executionFacts(execution: Execution): ExecutionFacts {
  const { ended, output, id, startedMs } = execution
  const code = ended?.exitCode ?? null
  return {
    outcome: ended?.outcome ?? 'running',
    exitCode: code,
    signal: code === null ? null : signalOf(code),
    durationMs: ended?.durationMs ?? Date.now() - startedMs,
    output: output.text((bytes) => `[${bytes} bytes left out; ${whereIsAll(execution)}]`),
    stdoutBytes: output.bytes.stdout,
    stderrBytes: output.bytes.stderr,
    omittedBytes: output.omittedBytes,
    processId: ended === undefined ? id : null,
    log: output.log === undefined ? null : logUri(execution),
  }
}

/** The output, then one line that says how it ended. */
export function executionReport(execution: Execution): ContentBlock[] {
  const facts = executionFacts(execution)
  const output = facts.output === '' ? '(no output)' : facts.output.replace(/\n$/, '')
  const blocks: ContentBlock[] = [{ type: 'text', text: `${output}\n\n${ending(facts)}` }]
  if (facts.log !== null) {
    blocks.push({
      type: 'resource_link',
      uri: facts.log,
      name: 'all output',
      mimeType: 'text/plain',
    })
  }
  return blocks
}

function ending({ outcome, exitCode, signal, durationMs, processId }: ExecutionFacts): string {
  const after = `after ${seconds(durationMs)}`
  switch (outcome) {
    case 'running':
      return `[still running ${after}; process id ${processId}: use the process tool to poll, write or kill]`
    case 'timed-out':
      return `[timed out and was killed ${after}; the output above is what it printed until then]`
    case 'cancelled':
      return `[cancelled and killed ${after}]`
    case 'exited':
      return `[exit code ${exitCode}${signal === null ? '' : ` (${signal})`} ${after}]`
  }
}

function whereIsAll(execution: Execution): string {
  const { log, totalBytes } = execution.output
  if (log?.complete) return `all ${totalBytes} are in ${logUri(execution)}`
  return `the first ${log?.bytes ?? 0} of ${totalBytes} are in ${logUri(execution)}`
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 100 ? 3 : 1)} s`

/** The signal that a shell means by an exit code above 128. */
function signalOf(code: number): string | null {
  for (const [name, number] of Object.entries(constants.signals)) {
    if (number === code - 128) return name
  }
  return null
}
