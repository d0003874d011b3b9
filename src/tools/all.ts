/** The tools, in the order clients see them. */
import type { WorkspaceAccess } from '../settings.ts'
import { applyPatch } from './apply-patch.ts'
import { edit } from './edit.ts'
import { exec } from './exec.ts'
import { process } from './process.ts'
import { read } from './read.ts'
import type { Tool } from './tool.ts'
import { write } from './write.ts'

export const tools: readonly Tool[] = [exec, process, read, write, edit, applyPatch].map(
  // Each tool's own argument types are checked by its input schema before `run` sees them.
  (tool) => tool as unknown as Tool,
)

const writing: readonly Tool['name'][] = [write.name, edit.name, applyPatch.name]

/** Those that are offered: with access `ro` none that writes files. */
export const toolsFor = (access: WorkspaceAccess): readonly Tool[] =>
  access === 'ro' ? tools.filter(({ name }) => !writing.includes(name)) : tools
