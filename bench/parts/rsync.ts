/** rsync and tar over ssh with ControlMaster: what a copy of a workspace is kept in step with elsewhere. */
import type { Stage } from '../stage.ts'
import { controlMaster, type Ssh } from './openssh.ts'
import { run } from './programs.ts'

export interface Rsync {
  /** `rsync -a --delete` of the host's directory to the far one. */
  up(): Promise<unknown>
  /** The same the other way. */
  down(): Promise<unknown>
  /** A command on the far side that does nothing. */
  command(): Promise<unknown>
}

/** Keeps the directories `here` and `there` in step; the far host is this one. */
export async function rsyncOf(stage: Stage, here: string, there: string): Promise<Rsync> {
  const { command, target, args } = await controlMaster(stage)
  const always = ['-a', '--delete', '-e', command]
  return {
    up: () => run('rsync', [...always, `${here}/`, `${target}:${there}/`]),
    down: () => run('rsync', [...always, `${target}:${there}/`, `${here}/`]),
    command: () => run('ssh', [...args, 'true']),
  }
}

/** `tar | ssh tar` of `here` into `there`, which is empty. Paths need no quotes. */
export function tarOverSsh({ command, target }: Ssh, here: string, there: string) {
  return run('sh', ['-c', `tar -C ${here} -cf - . | ${command} ${target} 'tar -C ${there} -xf -'`])
}
