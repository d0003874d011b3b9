/** Reads a page of a text file, an image, or the names in a directory. */
import { z } from 'zod'
import { argumentInvalid, fileBinary, fileTooLarge, isSandboxError } from '../errors.ts'
import type { FileContent, ListedEntry } from '../tree.ts'
import type { Located } from '../workspace.ts'
import { binaryKind, imageType } from './file-kind.ts'
import { chunkBytes, pageLines } from './read/text-page.ts'
import { defineTool, text } from './tool.ts'

/** A page's limits: what OpenClaw's users know. */
export const pageLimits = { lines: 2_000, bytes: 50 * 1024 }
/** Base64 of it stays well below what clients accept in one message. */
const imageLimitBytes = 3_500_000
const listLimit = 1_000

const input = z.strictObject({
  path: z.string().describe('Relative to the workspace, or absolute in the sandbox'),
  offset: z.number().int().min(1).optional().describe('First line, from 1'),
  limit: z.number().int().min(1).optional().describe(`Lines; at most ${pageLimits.lines}`),
})

const output = z.object({
  path: z.string(),
  kind: z.enum(['text', 'image', 'directory']),
  content: z.string(),
  size: z.number(),
  firstLine: z.number().nullable(),
  lastLine: z.number().nullable(),
  nextOffset: z.number().nullable(),
})

export const read = defineTool({
  name: 'read',
  title: 'Read a file',
  description:
    `Reads a text file, at most ${pageLimits.lines} lines or ${pageLimits.bytes / 1024} KB at a time: ` +
    'a note names the next offset. Shows images (png, jpeg, gif, webp). Lists a directory.',
  input,
  output,
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  async run({ path, offset = 1, limit = pageLimits.lines }, { session }) {
    const located = session.workspace.locate(path)
    const start = await located.tree
      .read(located.path, { offset: 0, length: chunkBytes })
      .catch(async (error: unknown) => {
        if (!isSandboxError(error, 'NOT_A_FILE')) throw error
        // A FIFO or a device is no file either, and cannot be listed: then the first error tells more.
        return located.tree.list(located.path).catch(() => Promise.reject(error))
      })
    if (!('bytes' in start)) return directory(located, start)
    const mimeType = imageType(start.bytes)
    if (mimeType !== undefined) return image(located, start, mimeType)
    const binary = binaryKind(start.bytes.subarray(0, 8_192))
    if (binary !== undefined) throw fileBinary(located.shown, start.size, binary)
    return textPage(located, start, offset, Math.min(limit, pageLimits.lines))
  },
})

function directory({ shown }: Located, entries: readonly ListedEntry[]) {
  const lines = entries.slice(0, listLimit).map(({ name, kind, target }) => {
    const escaped = /[\n\r]/.test(name) ? JSON.stringify(name) : name
    if (kind === 'directory') return `${escaped}/`
    return kind === 'link' ? `${escaped} -> ${target}` : escaped
  })
  if (entries.length > listLimit) {
    lines.push(`[${entries.length - listLimit} more; list them with exec: ls -A ${shown}]`)
  }
  const content = lines.length === 0 ? '(empty directory)' : lines.join('\n')
  return {
    content: text(content),
    facts: {
      path: shown,
      kind: 'directory' as const,
      content,
      size: entries.length,
      firstLine: null,
      lastLine: null,
      nextOffset: null,
    },
  }
}

async function image({ tree, path, shown }: Located, start: FileContent, mimeType: string) {
  const { size } = start
  if (size > imageLimitBytes) throw fileTooLarge(shown, size, imageLimitBytes)
  const { bytes } = size === start.bytes.length ? start : await tree.read(path)
  const content = `${shown}: ${mimeType}, ${size} bytes`
  return {
    content: [
      ...text(content),
      { type: 'image' as const, data: bytes.toString('base64'), mimeType },
    ],
    facts: {
      path: shown,
      kind: 'image' as const,
      content,
      size,
      firstLine: null,
      lastLine: null,
      nextOffset: null,
    },
  }
}

async function textPage(located: Located, start: FileContent, offset: number, limit: number) {
  const page = await pageLines(located, start, offset, { lines: limit, bytes: pageLimits.bytes })
  if (page.lines === 0 && offset > 1) {
    throw argumentInvalid(
      `offset ${offset} is beyond the end: the file has ${page.totalLines} lines`,
      `Read from a line up to ${page.totalLines}.`,
    )
  }
  const notes = [...page.notes]
  const lastLine = offset + page.lines - 1
  if (page.more) notes.push(`more lines follow; read on with offset ${lastLine + 1}`)
  if (page.size === 0) notes.push('the file is empty')
  const tail = notes.map((note) => `[${note}]`).join('\n')
  const joint = page.text === '' || page.text.endsWith('\n') || tail === '' ? '' : '\n'
  return {
    content: text(page.text + joint + tail),
    facts: {
      path: located.shown,
      kind: 'text' as const,
      content: page.text,
      size: page.size,
      firstLine: page.lines === 0 ? null : offset,
      lastLine: page.lines === 0 ? null : lastLine,
      nextOffset: page.more ? lastLine + 1 : null,
    },
  }
}
