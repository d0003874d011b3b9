/** `agents.defaults.sandbox`, and `sandbox` of one agent. */
import { z } from 'zod'
import { backendNames } from '../values.ts'
import { docker } from './docker.ts'
import { ignored, notes } from './note.ts'
import { homePath } from './path.ts'
import { ssh } from './ssh.ts'

/** Unknown keys in it, and in what it holds, are errors. */
export const sandbox = z
  .strictObject({
    mode: z
      .enum(['off', 'non-main', 'all'])
      .describe(
        'Which sessions have a sandbox. `off` and, for the main session, `non-main` run on the host.',
      )
      .optional(),
    backend: z
      .enum(backendNames, {
        error: ({ input }) =>
          input === 'podman'
            ? 'is written "docker" for Podman: its socket is found, or named by DOCKER_HOST'
            : undefined,
      })
      .describe(
        '`docker`, `bubblewrap`, `ssh`, `openshell`, or `auto`: Docker if a daemon answers, else bubblewrap.',
      )
      .optional(),
    scope: z
      .enum(['session', 'agent', 'shared'])
      .describe("Who shares a sandbox. `shared` ignores agents' own docker, ssh and prune.")
      .optional(),
    perSession: z
      .boolean()
      .describe('The old way to write `scope`: true is `session`, false `shared`.')
      .optional(),
    workspaceAccess: z
      .enum(['none', 'ro', 'rw'])
      .describe(
        '`rw`: the workspace itself. `ro`: a private one, and the workspace read-only at `/agent`. `none`: a private one.',
      )
      .optional(),
    workspaceRoot: homePath()
      .register(notes, { unset: 'in the state directory' })
      .describe('Directory on the host that holds private workspaces.')
      .optional(),
    docker: docker.optional(),
    bubblewrap: z
      .strictObject({
        network: z
          .enum(['none', 'host'])
          .describe("`none`, or `host`: the host's network as it is.")
          .optional(),
      })
      .describe('bubblewrap sandboxes. Not in OpenClaw.')
      .optional(),
    ssh: ssh.optional(),
    sync: z
      .strictObject({
        ignore: z
          .array(z.string())
          .describe('What else stays on the host, as in a .gitignore at the top of the workspace.')
          .optional(),
        gitignore: z
          .boolean()
          .describe(
            "Whether what the workspace's own .gitignore files name stays on the host too. Of each file the first 64 KiB count, of all together 1 MiB.",
          )
          .optional(),
      })
      .describe('What is left out where a workspace is copied. Not in OpenClaw.')
      .optional(),
    prune: z
      .strictObject({
        idleHours: z
          .number()
          .nonnegative()
          .describe('Sandboxes that were not used for so long are removed; 0 for never.')
          .optional(),
        maxAgeDays: z
          .number()
          .nonnegative()
          .describe('Sandboxes as old as this are removed once they are idle; 0 for never.')
          .optional(),
      })
      .describe('When sandboxes are removed by themselves.')
      .optional(),
    browser: ignored('there is no sandboxed browser'),
    environment: ignored('nothing found in a workspace is started'),
    sessionToolsVisibility: ignored('there are no tools that show other sessions'),
  })
  .describe('Where and how tools run.')
