/** `exec://{id}{?offset,limit}`: all that a command printed, so far or at its end, in pages. */

import { argumentInvalid, shown } from '../errors.ts'
import type { Execution } from '../exec.ts'
import type { CapturedOutput } from '../output/captured-output.ts'
import type { ResourceContent } from './file-content.ts'

/** In bytes. The default suits what a model takes in at once. */
export const logLimits = { default: 64 * 1024, least: 64, most: 1024 * 1024 }

export interface LogRequest {
  readonly id: string
  /** Bytes from the beginning, or from the end when it is negative. */
  readonly offset: number
  readonly limit: number
}

/** Undefined for another scheme; `ARGUMENT_INVALID` for one that is not written as the template says. */
export function parseExecUri(uri: string): LogRequest | undefined {
  if (uri.slice(0, 5).toLowerCase() !== 'exec:') return undefined
  const match = /^exec:\/\/([\w-]{1,64})\/?(?:\?([^#]{0,100}))?$/.exec(uri)
  if (match === null) throw refused(uri, 'its form is exec://ID?offset=BYTES&limit=BYTES')
  const given = { offset: 0, limit: logLimits.default }
  for (const part of (match[2] ?? '').split('&').filter(Boolean)) {
    const [, name, value] = /^(offset|limit)=(-?\d{1,15})$/.exec(part) ?? []
    if (name === undefined) throw refused(uri, `${shown(part)} is no offset or limit in bytes`)
    given[name as 'offset' | 'limit'] = Number(value)
  }
  const { least, most } = logLimits
  if (given.limit < least || given.limit > most) {
    throw refused(uri, `the limit is from ${least} to ${most} bytes`)
  }
  return { id: match[1] as string, ...given }
}

/**
 * One page of a log, never cut inside a character, and a last line that names the next page while
 * there is or may come one. Bytes that are not UTF-8 are replaced; `_meta` tells `offset`, `next` and
 * `total` in bytes, and whether the command is `running`.
 */
export async function readExecLog(
  { output, ended }: Pick<Execution, 'output' | 'ended'>,
  { id, offset, limit }: LogRequest,
  uri: string,
): Promise<ResourceContent> {
  await output.written
  const total = output.end.bytes
  const from = Math.min(total, offset < 0 ? Math.max(0, total + offset) : offset)
  const page = await pageOf(output, from, Math.min(total, from + limit))
  const running = ended === undefined
  const next = page.next < total || running ? `exec://${id}?offset=${page.next}` : undefined
  const notes = page.lost === undefined ? [] : [page.lost]
  if (page.next < total) {
    notes.push(`[bytes ${page.start} to ${page.next} of ${total}; read on at ${next}]`)
  } else if (running) {
    notes.push(`[still running; what it prints from here on will be at ${next}]`)
  }
  const joint = page.text === '' || page.text.endsWith('\n') || notes.length === 0 ? '' : '\n'
  return {
    uri,
    mimeType: 'text/plain',
    _meta: { offset: page.start, next: page.next, total, running },
    text: page.text + joint + notes.join('\n'),
  }
}

interface LogPage {
  readonly text: string
  readonly start: number
  readonly next: number
  /** Told when the page ends where bytes are kept no more. */
  readonly lost?: string
}

async function pageOf(output: CapturedOutput, from: number, to: number): Promise<LogPage> {
  const { gap } = output
  if (gap !== undefined && from >= gap.from && from < gap.to) {
    const lost = `[bytes ${gap.from} to ${gap.to} were not kept: ${gap.why}]`
    return { text: '', start: from, next: gap.to, lost }
  }
  const end = gap !== undefined && from < gap.from ? Math.min(to, gap.from) : to
  const bytes = await output.read(from, end)
  const start = from === 0 ? 0 : leadingContinuation(bytes)
  const last = end === output.end.bytes ? bytes.length : wholeCharacters(bytes)
  const text = bytes.subarray(start, last).toString('utf8')
  return { text, start: from + start, next: from + last }
}

/** How many bytes at the start belong to a character that began before. */
function leadingContinuation(bytes: Buffer): number {
  let count = 0
  while (count < 3 && isContinuation(bytes[count])) count++
  return count
}

/** The length without a character at the end that goes on after it; never nothing of something. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if (isContinuation(byte)) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back && back < bytes.length ? bytes.length - back : bytes.length
  }
  return bytes.length
}

const isContinuation = (byte: number | undefined) => ((byte ?? 0) & 0xc0) === 0x80

const refused = (uri: string, reason: string) =>
  argumentInvalid(
    `${shown(uri)} is not a log's URI: ${reason}`,
    'exec and process name the right one in their results.',
  )
