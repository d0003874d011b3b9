/** The tools, in the order clients see them. */
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
