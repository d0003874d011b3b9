/** `sandbox.ssh`: the shape of it. What it resolves to is decided by the ssh backend. */
import { z } from 'zod'
import { notes } from './note.ts'
import { homePath } from './path.ts'

const secretReference = z.strictObject({
  source: z.string().describe('`env`; other sources are refused.'),
  provider: z.string().describe('Not used.').optional(),
  id: z.string().min(1).describe('Name of the environment variable.'),
})

const secret = (what: string) =>
  z
    .union([z.string().min(1), secretReference])
    .describe(`The ${what} itself, best as \`\${NAME}\` or \`{source: "env", id: "NAME"}\`.`)
    .optional()

/** All of OpenClaw's keys. */
export const ssh = z
  .strictObject({
    target: z
      .string()
      .min(1)
      .describe(
        'Where: `user@host:port`, of which only the host is needed; aliases work. What `~/.ssh/config` and `/etc/ssh/ssh_config` say of it counts, a `ProxyCommand` and `Match exec` too.',
      )
      .optional(),
    workspaceRoot: homePath()
      .register(notes, { unset: 'chosen by the backend' })
      .describe('Directory on the remote host that holds the sandboxes: absolute, or below `~/`.')
      .optional(),
    identityFile: z
      .string()
      .min(1)
      .register(notes, { unset: 'the agent and the usual keys' })
      .describe('Private key; the agent is then left alone.')
      .optional(),
    identityData: secret('private key'),
    certificateFile: z.string().min(1).describe('Certificate of the private key.').optional(),
    certificateData: secret('certificate'),
    knownHostsFile: z
      .string()
      .min(1)
      .register(notes, { unset: "the user's and the machine's" })
      .describe('A known_hosts file.')
      .optional(),
    knownHostsData: secret('text of a known_hosts file'),
    strictHostKeyChecking: z
      .boolean()
      .register(notes, { unset: 'true, unless the ssh_config says otherwise' })
      .describe('False accepts any host key that is not revoked.')
      .optional(),
    updateHostKeys: z
      .boolean()
      .register(notes, { ignored: 'host keys are never changed without being asked for' })
      .describe('Has no effect: host keys are never changed without being asked for.')
      .optional(),
    command: z
      .literal('ssh', { error: 'cannot be chosen: no ssh program is run' })
      .describe('Only `ssh` is accepted: connections are made without a program.')
      .optional(),
  })
  .describe('Sandboxes on another host, over SSH.')
