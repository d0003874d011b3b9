/** What keeps a container running, and how its own processes are told from those of commands. */
import { patientRead } from '../../posix-sh.ts'

/** Ends when the server that holds its stdin is gone in whatever way. */
export const untilServerIsGone = `while ${patientRead} _; do :; done`

/** Waits for ever, or, in an ephemeral sandbox, for its server; the engine then removes the container. */
const waitForEver = 'trap "exit 0" TERM; while :; do sleep 86400 & wait $!; done'
const waitForServer = `trap "exit 0" TERM; ${untilServerIsGone}`

/** The script of the container's first process. */
export const mainProcess = (ephemeral: boolean) => (ephemeral ? waitForServer : waitForEver)

/** True for a process that is there without any command: the first, its sleep, and the engine's init. */
export function isMainProcess(commandLine: string): boolean {
  return (
    commandLine.endsWith(waitForEver) ||
    commandLine.endsWith(waitForServer) ||
    commandLine === 'sleep 86400'
  )
}
