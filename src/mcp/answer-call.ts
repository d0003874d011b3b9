/** A call of the client's, answered by the tool of that name in the session that is served now. */
import type { Tool } from '../tools/tool.ts'
import type { CallResult } from './answers.ts'
import type { CurrentSession } from './current-session.ts'
import { answers } from './load-answers.ts'
import { Progress } from './progress.ts'
import { RequestError } from './request-error.ts'
import type { ToolCallRequest } from './tool-calls.ts'

/**
 * The result of the call, also when the tool failed. `RequestError` for a name that is none of `tools`, which are
 * those that are offered.
 */
export async function answerCall(
  { name, args, signal, sendProgress }: ToolCallRequest,
  tools: () => Promise<readonly Tool[]>,
  current: CurrentSession,
): Promise<CallResult> {
  const [offered, { callTool, refusedCall, unknownTool }] = await Promise.all([tools(), answers()])
  const tool = offered.find((one) => one.name === name)
  if (tool === undefined) throw new RequestError(unknownTool(name, offered))
  const progress = sendProgress && new Progress(sendProgress)
  try {
    const open = await current.get().catch(refusedCall)
    if (!('session' in open)) return open
    return await callTool(tool, args, {
      session: open.session,
      signal,
      progress: (done, message) => progress?.tell(done, message),
    })
  } finally {
    progress?.stop()
    if (!tool.annotations.readOnlyHint) current.opened?.resources.afterCall()
  }
}
