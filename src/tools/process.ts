/** Looks after commands that run in the background. */
import { z } from 'zod'
import { argumentInvalid } from '../errors.ts'
import type { Execution } from '../exec.ts'
import { executionFacts, executionReport, executionShape } from './execution-report.ts'
import { defineTool, type ToolCall, text } from './tool.ts'

const input = z.strictObject({
  action: z.enum(['list', 'poll', 'log', 'write', 'kill']),
  id: z.string().optional().describe('Process id; for all but list'),
  waitMs: z
    .number()
    .int()
    .min(0)
    .max(60_000)
    .optional()
    .describe('poll: wait this long for the end; default 10000'),
  data: z.string().optional().describe('write: text for stdin'),
  eof: z.boolean().optional().describe('write: close stdin afterwards'),
})

/** For `list`, the rows; for one process, what exec tells of it. */
const output = executionShape
  .partial()
  .extend({ processes: z.array(z.record(z.string(), z.unknown())).optional() })

export const process = defineTool({
  name: 'process',
  title: 'Background processes',
  description:
    'Commands that exec left running: list them, poll one (waits for its end), show its log, write ' +
    'to its stdin, kill it and all it started. They end with the session.',
  input,
  output,
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: false,
    openWorldHint: false,
  },
  async run(args, call) {
    if (args.action === 'list') return list(call.session.executions)
    if (args.id === undefined) {
      throw argumentInvalid(
        `action "${args.action}" needs an id`,
        'Call process with action "list" to see the ids.',
      )
    }
    const execution = call.session.execution(args.id)
    switch (args.action) {
      case 'poll':
        await settled(execution, args.waitMs ?? 10_000, call)
        break
      case 'log':
        break
      case 'write':
        await write(execution, args.data ?? '', args.eof === true)
        break
      case 'kill':
        await execution.stop('cancelled')
        await execution.result
        break
    }
    return {
      content: executionReport(execution),
      facts: executionFacts(execution),
    }
  },
})

function list(executions: readonly Execution[]) {
  const processes = executions.map(summary)
  const lines = processes.map(({ id, outcome, exitCode, durationMs, command }) => {
    const state = outcome === 'running' ? 'running' : `${outcome}, exit code ${exitCode}`
    return `${id}  ${state}  ${(durationMs / 1000).toFixed(1)} s  ${command}`
  })
  return {
    content: text(
      lines.length === 0 ? 'No commands were started in this session.' : lines.join('\n'),
    ),
    facts: { processes },
  }
}

function summary(execution: Execution) {
  const { outcome, exitCode, durationMs } = executionFacts(execution)
  const command = execution.command.replace(/\s+/g, ' ').slice(0, 120)
  return { id: execution.id, command, outcome, exitCode, durationMs }
}

async function settled(execution: Execution, waitMs: number, call: ToolCall): Promise<void> {
  let wake = () => {}
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  const timer = setTimeout(wake, waitMs)
  call.signal.addEventListener('abort', wake, { once: true })
  try {
    await Promise.race([execution.result, woken])
  } finally {
    clearTimeout(timer)
    call.signal.removeEventListener('abort', wake)
  }
}

async function write(execution: Execution, data: string, eof: boolean): Promise<void> {
  if (execution.ended !== undefined) {
    throw argumentInvalid(
      'the process has ended, so its stdin is closed',
      'Start the command again with exec.',
    )
  }
  if (data !== '') {
    // A command that does not read keeps the bytes waiting; it gets them when it does.
    const waiting = new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref())
    const writing = execution.write(data).catch((error: unknown) => {
      throw argumentInvalid(
        `its stdin takes no more (${(error as Error).message})`,
        'Start the command with background: true to keep its stdin open.',
      )
    })
    await Promise.race([writing, waiting])
    writing.catch(() => {})
  }
  if (eof) execution.closeStdin()
}
