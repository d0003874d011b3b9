/** `plugins.entries.openshell`: the shape of it. */
import { z } from 'zod'
import { notes } from './note.ts'
import { absolutePath } from './path.ts'

const config = z
  .strictObject({
    mode: z
      .enum(['mirror', 'remote'])
      .describe(
        "`mirror`: the host's files are canonical and kept in step. `remote`: the sandbox's are, once seeded.",
      )
      .optional(),
    command: z.string().min(1).describe('The `openshell` program: a name or a path.').optional(),
    from: z
      .string()
      .min(1)
      .register(notes, { unset: "the gateway's" })
      .describe('What sandboxes are made from: a community name, an image or a Dockerfile.')
      .optional(),
    gateway: z
      .string()
      .min(1)
      .register(notes, { unset: 'the active one' })
      .describe('Name of a registered gateway.')
      .optional(),
    gatewayEndpoint: z
      .string()
      .min(1)
      .describe('URL of a gateway; wins over `gateway`.')
      .optional(),
    workspace: z
      .string()
      .regex(/^(?=.{1,19}$)[a-z0-9]+(-[a-z0-9]+)*$/, {
        error: 'must be 1 to 19 lower-case letters, digits and single hyphens in between',
      })
      .describe("OpenShell's own control-plane workspace, which is not the directory.")
      .optional(),
    policy: z
      .string()
      .min(1)
      .describe('Policy file on the host, outside the workspace: an absolute path, or below `~/`.')
      .optional(),
    providers: z
      .array(z.string().min(1))
      .transform((names) => [...new Set(names)])
      .describe('Credential providers of a sandbox.')
      .optional(),
    gpu: z.boolean().describe('Whether to ask for a GPU.').optional(),
    autoProviders: z
      .boolean()
      .describe('Whether OpenShell may make missing providers from what it finds.')
      .optional(),
    remoteWorkspaceDir: absolutePath()
      .describe('Where the workspace is inside: `/sandbox` or `/agent`, or below one of them.')
      .optional(),
    remoteAgentWorkspaceDir: absolutePath()
      .describe('Where the second workspace is inside; it may not overlap the first.')
      .optional(),
    timeoutSeconds: z
      .number()
      .min(1)
      .describe('For one call of the program; creating may take longer.')
      .optional(),
  })
  .describe('OpenShell sandboxes.')

/** What is not `enabled` or `config` is OpenClaw's own. */
export const openshell = z
  .looseObject({
    enabled: z
      .boolean()
      .register(notes, { unset: 'as if it were true' })
      .describe('False forbids the backend `openshell`.')
      .optional(),
    config: config.optional(),
  })
  .describe("OpenClaw's OpenShell plugin.")
