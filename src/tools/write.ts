/** Writes a whole file. */
import { z } from 'zod'
import { argumentInvalid, isSandboxError } from '../errors.ts'
import type { FileContent } from '../tree.ts'
import type { Located } from '../workspace.ts'
import { defineTool, openContext, text } from './tool.ts'

const input = z.strictObject({
  path: z.string(),
  content: z.string(),
})

const output = z.object({
  path: z.string(),
  bytes: z.number(),
  created: z.boolean(),
  changed: z.boolean(),
})

export const write = defineTool({
  name: 'write',
  title: 'Write a file',
  description:
    'Makes a file, or replaces all of its content and keeps its mode; makes missing directories. To ' +
    'change a part use edit or apply_patch.',
  input,
  output,
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  async run({ path, content }, call) {
    if (!content.isWellFormed()) {
      throw argumentInvalid(
        'content holds half of a surrogate pair',
        'Give well-formed text; for binary content use exec.',
      )
    }
    const located = await call.session.locate(path, openContext(call))
    const bytes = Buffer.from(content)
    const before = await existing(located, bytes.length)
    const created = before === 'absent'
    const facts = { path: located.shown, bytes: bytes.length, created }
    if (typeof before === 'object' && before.bytes.equals(bytes)) {
      return {
        content: text(`No change: ${located.shown} has this content already.`),
        facts: { ...facts, changed: false },
      }
    }
    await located.tree.apply(
      [{ path: located.path, before: 'anything', after: { bytes } }],
      call.signal,
    )
    return {
      content: text(`${created ? 'Created' : 'Replaced'} ${located.shown}, ${bytes.length} bytes.`),
      facts: { ...facts, changed: true },
    }
  },
})

/** What is there, as far as it can be the same: one byte more than `length` tells that it is not. */
async function existing(
  { tree, path }: Located,
  length: number,
): Promise<FileContent | 'absent' | 'unreadable'> {
  try {
    return await tree.read(path, { offset: 0, length: length + 1 })
  } catch (error) {
    if (isSandboxError(error, 'FILE_NOT_FOUND')) return 'absent'
    // It can still be replaced.
    if (isSandboxError(error, 'FILE_DENIED')) return 'unreadable'
    throw error
  }
}
