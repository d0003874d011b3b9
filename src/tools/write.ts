/** Writes a whole file. */
import { z } from 'zod'
import { isSandboxError, notAFile } from '../errors.ts'
import { digestOf, type Stat } from '../tree.ts'
import type { Located } from '../workspace.ts'
import { defineTool, text } from './tool.ts'

const input = z.strictObject({
  path: z.string().describe('Relative to the workspace, or absolute in the sandbox'),
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
    'Makes a file or replaces its whole content; makes missing directories; keeps the mode of a file ' +
    'that exists. To change part of a file use edit or apply_patch.',
  input,
  output,
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  async run({ path, content }, { session, signal }) {
    const located = session.workspace.locate(path)
    const bytes = Buffer.from(content)
    const before = await existing(located)
    if (before?.kind === 'directory') throw notAFile(located.shown, 'a directory')
    const created = before === undefined
    const facts = { path: located.shown, bytes: bytes.length, created }
    if (before?.kind === 'file' && (await isSame(located, before, bytes))) {
      return {
        content: text(`No change: ${located.shown} has this content already.`),
        facts: { ...facts, changed: false },
      }
    }
    await located.tree.apply([{ path: located.path, before: 'anything', after: { bytes } }], signal)
    return {
      content: text(`${created ? 'Created' : 'Replaced'} ${located.shown}, ${bytes.length} bytes.`),
      facts: { ...facts, changed: true },
    }
  },
})

async function existing({ tree, path }: Located): Promise<Stat | undefined> {
  try {
    return await tree.stat(path)
  } catch (error) {
    if (isSandboxError(error, 'FILE_NOT_FOUND')) return undefined
    throw error
  }
}

async function isSame({ tree, path }: Located, { size }: Stat, bytes: Buffer): Promise<boolean> {
  if (size !== bytes.length) return false
  return digestOf((await tree.read(path)).bytes) === digestOf(bytes)
}
