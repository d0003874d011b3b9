/** `exec://{id}`: everything a command printed. */
import { open } from 'node:fs/promises'
import type { Session } from '../session.ts'
import type { ResourceContent } from './workspace-files.ts'

/** The most of a log that one read returns, from its end. */
const readLimitBytes = 4 * 1024 * 1024

/** Undefined for another scheme; `PROCESS_NOT_FOUND` for an id this session has not. */
export async function readExecLog(
  session: Session,
  uri: string,
): Promise<ResourceContent | undefined> {
  const id = /^exec:\/\/([^/?#]+)\/?$/.exec(uri)?.[1]
  if (id === undefined) return undefined
  const { output } = session.execution(id)
  const { log } = output
  if (log === undefined) return { uri, mimeType: 'text/plain', text: output.text(() => '') }
  const file = await open(log.path)
  try {
    const position = Math.max(0, log.bytes - readLimitBytes)
    const bytes = Buffer.alloc(log.bytes - position)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, position)
    const text = new TextDecoder().decode(bytes.subarray(0, bytesRead))
    const note = position === 0 ? '' : `[the first ${position} bytes are not shown]\n`
    return { uri, mimeType: 'text/plain', text: note + text }
  } finally {
    await file.close()
  }
}
