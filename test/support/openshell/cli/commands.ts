/** From the words of a command to what it does. A command resolves with its exit code; anything else is 0. */
import type { Context } from './context.ts'
import { download } from './download.ts'
import { add, list as listGateways, remove, select, status, whoami } from './gateway-commands.ts'
import { deleteSandboxes, get, list, start, stop } from './sandbox-commands.ts'
import { create } from './sandbox-create.ts'
import { exec } from './sandbox-exec.ts'
import { connect, sshConfig, sshProxy } from './ssh.ts'
import { upload } from './upload.ts'
import * as workspaces from './workspace-commands.ts'

type Run = (context: Context) => unknown

export const commands: Readonly<Record<string, Run>> = {
  'sandbox create': create,
  'sandbox get': get,
  'sandbox list': list,
  'sandbox delete': deleteSandboxes,
  'sandbox stop': stop,
  'sandbox start': start,
  'sandbox exec': exec,
  'sandbox connect': connect,
  'sandbox upload': upload,
  'sandbox download': download,
  'sandbox ssh-config': sshConfig,
  'ssh-proxy': sshProxy,
  status,
  whoami,
  'gateway add': add,
  'gateway list': listGateways,
  'gateway remove': remove,
  'gateway select': select,
  'workspace create': workspaces.create,
  'workspace get': workspaces.get,
  'workspace list': workspaces.list,
  'workspace delete': workspaces.deleteWorkspaces,
}
