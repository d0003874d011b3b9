/**
 * A configuration file: the parts of OpenClaw's that are ours. Below them unknown keys are errors;
 * everything else in the file is somebody else's.
 */
import { z } from 'zod'
import { ignored } from './note.ts'
import { openshell } from './openshell.ts'
import { sandbox } from './sandbox.ts'

const toolNames = z.array(z.string().min(1))

const toolPolicy = z
  .strictObject({
    allow: toolNames
      .describe('The tools that are offered: names, `group:fs`, `group:runtime`, or with `*`.')
      .optional(),
    alsoAllow: toolNames.describe('Added to the `allow` of all agents.').optional(),
    deny: toolNames.describe('Tools that are not offered; wins over `allow`.').optional(),
  })
  .refine(({ allow, alsoAllow }) => !allow?.length || !alsoAllow?.length, {
    error: 'cannot have both allow and alsoAllow',
  })
  .describe('Which tools are offered in a sandbox.')

const ofAllTools = "it is OpenClaw's policy for all its tools; a sandbox's is tools.sandbox.tools"

const tools = z
  .looseObject({
    allow: ignored(ofAllTools),
    deny: ignored(ofAllTools),
    sandbox: z.strictObject({ tools: toolPolicy.optional() }).optional(),
  })
  .describe('Tool policy.')

const workspace = z
  .string()
  .regex(/^(\/|~\/|[A-Za-z]:[\\/])/, { error: 'must be an absolute path or begin with ~/' })
  .describe('The workspace on the host: an absolute path, or below `~/`.')

/** As `--agent` has it: keys of sandboxes are told apart by the colon. */
const agentId = () =>
  z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u, {
    error: 'is not a usable id: up to 64 letters, digits, and . _ - @ in between',
  })

const agent = {
  workspace: workspace.optional(),
  sandbox: sandbox.optional(),
  tools: tools.optional(),
  default: z.boolean().describe('True for the agent that is meant where none is named.').optional(),
}

/** The whole file. */
export const configFile = z.looseObject({
  agents: z
    .looseObject({
      defaults: z
        .looseObject({ workspace: workspace.optional(), sandbox: sandbox.optional() })
        .describe('What holds for every agent.')
        .optional(),
      entries: z
        .record(agentId(), z.looseObject(agent))
        .describe('Agents by id; what one says wins over the defaults, key by key.')
        .optional(),
      list: z
        .array(z.looseObject({ id: agentId().describe('The agent’s id.'), ...agent }))
        .describe('The same as a list.')
        .optional(),
    })
    .describe('Agents and their sandboxes.')
    .optional(),
  tools: tools.optional(),
  plugins: z
    .looseObject({
      entries: z.looseObject({ openshell: openshell.optional() }).optional(),
    })
    .describe('Plugins; only `openshell` is read.')
    .optional(),
})

/** A file that has been checked. */
export type ConfigFile = z.output<typeof configFile>
/** What it says of one agent. */
export type AgentPart = z.output<z.ZodObject<typeof agent>>
