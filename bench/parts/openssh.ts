/** OpenSSH as the floor: its server on loopback, and its client over one connection that stays. */
import { join } from 'node:path'
import { execa } from 'execa'
import { type SshServer, startSshServer } from '../../test/support/ssh-server.ts'
import type { Stage } from '../stage.ts'

/** One for the whole run, with the defaults of sshd. */
export function sshd(stage: Stage): Promise<SshServer> {
  return stage.whole.once('sshd', async () => {
    const value = await startSshServer()
    return { value, close: value.close }
  })
}

export interface Ssh {
  /** What follows `ssh`, up to the command. */
  readonly args: readonly string[]
  /** For rsync's `-e`; no path of ours holds a blank. */
  readonly command: string
  readonly target: string
}

/** A connection with ControlMaster, open until the run ends. */
export function controlMaster(stage: Stage): Promise<Ssh> {
  return stage.whole.once('control-master', async () => {
    const { settings, port, folder, key } = await sshd(stage)
    const target = (settings.target ?? '').split(':')[0] ?? ''
    const options = [
      ...['-F', 'none', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes'],
      ...['-o', `ControlPath=${join(folder, 'mux')}`, '-i', key, '-p', `${port}`],
      ...['-o', `UserKnownHostsFile=${settings.knownHostsFile}`],
    ]
    await execa('ssh', [...options, '-o', 'ControlMaster=yes', '-f', '-N', target], {
      stdio: 'ignore',
    })
    const value = { args: [...options, target], command: `ssh ${options.join(' ')}`, target }
    const close = () => execa('ssh', [...options, '-O', 'exit', target], { stdio: 'ignore' })
    return { value, close }
  })
}
