/** What holds for a sandbox that was given no policy. */
import type { Policy } from '../protocol.ts'

export const defaultPolicy: Policy = {
  version: 1,
  filesystem_policy: {
    include_workdir: true,
    read_only: ['/usr', '/lib', '/proc', '/dev/urandom', '/app', '/etc', '/var/log'],
    read_write: ['/tmp', '/dev/null'],
  },
  landlock: { compatibility: 'best_effort' },
}
