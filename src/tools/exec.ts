/** Runs a shell command in the sandbox. */
import { z } from 'zod'
import { argumentInvalid, shown } from '../errors.ts'
import type { Execution } from '../exec.ts'
import { isVariableName } from '../posix-sh.ts'
import { executionFacts, executionReport, executionShape } from './execution-report.ts'
import { defineTool, type ToolCall, type ToolResult } from './tool.ts'

/** How long a command may run in the foreground before it goes on as a process. */
const defaultYieldMs = 10_000
const defaultTimeoutSeconds = 1_800
/** setTimeout counts in 32 bits. */
const longestSeconds = 2_000_000

const input = z.strictObject({
  command: z.string().describe('POSIX shell command line; bash where the image has it'),
  workdir: z.string().optional().describe('Default: the workspace'),
  env: z.record(z.string(), z.string()).optional(),
  stdin: z.string().optional().describe('Text for stdin; default is end-of-file'),
  timeoutSeconds: z
    .number()
    .min(0)
    .max(longestSeconds)
    .optional()
    .describe(`Killed after this; default ${defaultTimeoutSeconds}, 0 = never`),
  background: z.boolean().optional().describe('Return at once with a process id'),
  yieldMs: z
    .number()
    .int()
    .min(0)
    .max(600_000)
    .optional()
    .describe(`Still running after this: becomes a process; default ${defaultYieldMs}`),
})

export const exec = defineTool({
  name: 'exec',
  title: 'Run a command',
  description:
    'Runs a shell command in the sandbox, by default in the workspace. Returns output and exit code; ' +
    'a command that takes longer than yieldMs goes on as a background process (see the process tool). ' +
    'Files, /tmp and background servers persist between calls; cwd and environment do not. ' +
    'Long output is cut in the middle and linked whole as a resource.',
  input,
  output: executionShape,
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: false,
    openWorldHint: true,
  },
  async run(args, call) {
    const { session, signal } = call
    checkCommand(args.command)
    checkEnv(args.env ?? {})
    const timeoutSeconds = args.timeoutSeconds ?? defaultTimeoutSeconds
    const background = args.background === true
    const execution = await session.execute(
      {
        command: args.command,
        workdir: session.workspace.workdir(args.workdir),
        env: args.env ?? {},
        ...(args.stdin === undefined
          ? background
            ? { stdin: 'open' }
            : {}
          : { stdin: args.stdin }),
        timeoutMs: timeoutSeconds === 0 ? undefined : timeoutSeconds * 1000,
      },
      { signal, report: (message) => call.progress(0, message) },
    )
    if (!background) await foreground(execution, args.yieldMs ?? defaultYieldMs, call)
    return report(execution)
  },
})

/** Waits for the end, or for `yieldMs`; a cancel in between ends the command. */
async function foreground(execution: Execution, yieldMs: number, call: ToolCall): Promise<void> {
  const stopTelling = execution.onOutput(() => {
    call.progress(execution.output.totalBytes, execution.output.lastLine())
  })
  const cancel = () => void execution.stop('cancelled').catch(() => {})
  call.signal.addEventListener('abort', cancel, { once: true })
  if (call.signal.aborted) cancel()
  let timer: NodeJS.Timeout | undefined
  const yielded = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, yieldMs)
  })
  try {
    await Promise.race([execution.result, yielded])
    // A cancel that comes with the yield still ends the command: nobody has its id.
    if (call.signal.aborted) await execution.result
  } finally {
    clearTimeout(timer)
    stopTelling()
    call.signal.removeEventListener('abort', cancel)
  }
}

function report(execution: Execution): ToolResult<z.output<typeof executionShape>> {
  return { content: executionReport(execution), facts: executionFacts(execution) }
}

function checkCommand(command: string): void {
  if (command.trim() === '') {
    throw argumentInvalid('command is empty', 'Give the shell command to run.')
  }
  if (command.includes('\0')) {
    throw argumentInvalid('command holds a NUL byte', 'Write such bytes with printf instead.')
  }
}

function checkEnv(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (!isVariableName(name)) {
      throw argumentInvalid(
        `${shown(name)} is not a variable name`,
        'Use letters, digits and _ only, not beginning with a digit.',
      )
    }
    if (value.includes('\0')) {
      throw argumentInvalid(`the value of ${name} holds a NUL byte`, 'Leave that byte out.')
    }
  }
}
