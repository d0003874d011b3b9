/** The gateway that stands in for OpenShell's, and OpenSSH's client through it, as its users are told to connect. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { type OpenShellDouble, startOpenShellDouble } from '../../test/support/openshell/double.ts'
import type { Stage } from '../stage.ts'
import type { Ssh } from './openssh.ts'

/** One gateway for the whole run. */
export function double(stage: Stage): Promise<OpenShellDouble> {
  return stage.whole.once('openshell-double', async () => {
    const value = await startOpenShellDouble()
    return { value, close: value.close }
  })
}

const name = 'bench'
/** Where files can be put in its sandboxes. */
export const sandboxFolder = '/sandbox'

/** A connection with ControlMaster to a sandbox of its own, open until the run ends. */
export function gatewayControlMaster(stage: Stage): Promise<Ssh> {
  return stage.whole.once('gateway-control-master', async () => {
    const { command, env } = await double(stage)
    const openshell = (...args: string[]) => execa(command, args, { env, stdin: 'ignore' })
    await openshell('sandbox', 'create', '--name', name, '--no-tty', '--detach')
    const { stdout } = await openshell('sandbox', 'ssh-config', name)
    const target = /^Host (\S+)/m.exec(stdout)?.[1] ?? ''
    const folder = stage.whole.directory('gateway-ssh')
    const file = join(folder, 'config')
    writeFileSync(file, stdout)
    const options = ['-F', file, '-o', 'BatchMode=yes', '-o', `ControlPath=${join(folder, 'mux')}`]
    const started = ['-o', 'ControlMaster=yes', '-f', '-N', target]
    await execa('ssh', [...options, ...started], { env, stdio: 'ignore' })
    const value = { args: [...options, target], command: `ssh ${options.join(' ')}`, target }
    const close = async () => {
      await execa('ssh', [...options, '-O', 'exit', target], { stdio: 'ignore' })
      await openshell('sandbox', 'delete', name)
    }
    return { value, close }
  })
}
