/** `sandbox.docker`: the shape of it. Which values are safe is decided by the Docker backend. */
import { z } from 'zod'
import { ignored, notes } from './note.ts'
import { absolutePath } from './path.ts'

const ulimit = z
  .union([
    z.string().min(1),
    z.number().int(),
    z
      .strictObject({
        soft: z.number().int().describe('What a process starts with.').optional(),
        hard: z.number().int().describe('What it may raise it to.').optional(),
      })
      .refine(({ soft, hard }) => soft !== undefined || hard !== undefined, {
        error: 'needs soft, hard or both',
      }),
  ])
  .transform((limit) => {
    if (typeof limit !== 'object') return limit
    const { soft = limit.hard ?? 0, hard = soft } = limit
    return { soft, hard }
  })

const environmentName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: 'is not a name of an environment variable: letters, digits and _, and no digit first',
})

/** With `containerPrefix`, which OpenClaw has. */
export const docker = z
  .strictObject({
    image: z
      .string()
      .min(1)
      .register(notes, { unset: '`node:22-bookworm`' })
      .describe('Image of the sandboxes; any with a POSIX sh will do.')
      .optional(),
    workdir: absolutePath()
      .describe('Where the workspace is inside: an absolute path. To tools it is `/workspace` too.')
      .optional(),
    network: z
      .string()
      .min(1)
      .describe('`none`, `bridge`, or the name of a Docker network. `host` is refused.')
      .optional(),
    readOnlyRoot: z
      .boolean()
      .describe('Whether all but the workspace, the home and `tmpfs` is read-only.')
      .optional(),
    tmpfs: z
      .array(absolutePath())
      .describe('Directories in memory, each with mount options after a colon if need be.')
      .optional(),
    user: z
      .union([z.string().min(1), z.number().int().nonnegative()])
      .transform(String)
      .register(notes, { unset: 'the owner of the workspace' })
      .describe('Who commands run as: `uid` or `uid:gid`.')
      .optional(),
    capDrop: z.array(z.string().min(1)).describe('Capabilities that are taken away.').optional(),
    env: z
      .record(environmentName, z.string())
      .describe(
        "Environment of every command, on every backend. An agent's is merged over the defaults'.",
      )
      .optional(),
    setupCommand: z
      .union([z.string().min(1), z.array(z.string())])
      .transform((lines) => (typeof lines === 'string' ? lines : lines.join('\n')))
      .describe(
        'Shell commands that run once in a new sandbox, before its first command; a list is its lines.',
      )
      .optional(),
    pidsLimit: z
      .number()
      .int()
      .register(notes, { unset: '`1024`' })
      .describe('The most processes and threads inside; 0 or less for no limit.')
      .optional(),
    memory: z
      .union([z.string().min(1), z.number().nonnegative()])
      .register(notes, { unset: '`4g`' })
      .describe('The most memory: bytes, or as Docker writes it, `512m` or `2g`.')
      .optional(),
    memorySwap: z
      .union([z.string().min(1), z.number().min(-1)])
      .register(notes, { unset: 'as much as `memory`: no swap' })
      .describe('The most memory and swap together; -1 for any swap.')
      .optional(),
    cpus: z.number().positive().describe('The most processors; parts of one are fine.').optional(),
    gpus: z
      .union([z.string().min(1), z.number().int().positive()])
      .transform(String)
      .describe('`all`, a count, or `device=ID,…`.')
      .optional(),
    ulimits: z
      .record(z.string().min(1), ulimit)
      .describe(
        'Limits of each process by name (`nofile`), as `soft[:hard]`, a number or `{soft, hard}`.',
      )
      .optional(),
    seccompProfile: z
      .string()
      .min(1)
      .describe(
        'Path on the host, outside the workspace, of a seccomp profile. `unconfined` is refused.',
      )
      .optional(),
    apparmorProfile: z
      .string()
      .min(1)
      .describe('Name of a loaded AppArmor profile. `unconfined` is refused.')
      .optional(),
    dns: z.array(z.string().min(1)).describe('Addresses of name servers.').optional(),
    extraHosts: z
      .array(z.string().min(1))
      .describe('Further entries of /etc/hosts, as `name:address`.')
      .optional(),
    binds: z
      .array(z.string().min(1))
      .describe(
        "More of the host's directories and files inside, as `source:target[:ro|rw]`, for commands and tools. An agent's are added to the defaults'. Resources stay with the workspace.",
      )
      .optional(),
    platform: z
      .string()
      .min(1)
      .register(notes, { unset: "the engine's" })
      .describe('`os/architecture` of the image, where it is not the machine’s.')
      .optional(),
    dangerouslyAllowReservedContainerTargets: z
      .boolean()
      .describe('Lets `binds` hide the workspace and `/agent`.')
      .optional(),
    dangerouslyAllowExternalBindSources: z
      .boolean()
      .describe('Lets `binds` name sources outside the workspace.')
      .optional(),
    dangerouslyAllowContainerNamespaceJoin: z
      .boolean()
      .describe('Lets `network` be `container:ID`, the network of another container.')
      .optional(),
    containerPrefix: ignored('names of sandboxes are the same on every engine'),
  })
  .describe('Docker and Podman sandboxes.')
