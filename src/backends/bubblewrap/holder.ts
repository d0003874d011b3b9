/**
 * Makes the holder of a sandbox: a shell in new namespaces, independent of the server that made it,
 * that starts a handler for every line it reads. Everything in the sandbox descends from it, so all
 * of it has its namespaces, its lack of capabilities and its limits; nothing ever enters from outside.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { cancelled, sandboxStartFailed } from '../../errors.ts'
import { startOf } from '../../process-identity.ts'
import { channelsInside, filesOfEtc, type SandboxLayout } from './arguments.ts'
import { openFifo } from './channel.ts'
import {
  claimDirectory,
  descriptor,
  directoryMode,
  removeDirectory,
  type SandboxRecord,
  writeRecord,
} from './directory.ts'
import { makeFifos } from './handlers.ts'
import { covers, endOf, killMonitor, type Monitor, startMonitor } from './monitor.ts'
import { waitForEnd } from './processes.ts'
import { handlerScript, holderScript } from './scripts.ts'
import { keyringFilter } from './system-calls.ts'

const startDeadlineMs = 10_000
const killDeadlineMs = 5_000
const monitorDeadlineMs = 500

/** What `createHolder` is told; `record` says all but the processes. */
export interface HolderOrder {
  readonly command: string
  readonly directory: string
  readonly layout: SandboxLayout
  readonly arguments: readonly string[]
  readonly record: SandboxRecord
}

/**
 * Makes the directory of the sandbox, starts its holder and waits until it takes requests. The
 * caller holds the lock and removes what is there when this rejects.
 */
export async function createHolder(order: HolderOrder, signal: AbortSignal): Promise<void> {
  const { directory, layout, record } = order
  await mkdir(join(directory, record.name), { mode: directoryMode() })
  await writeRecord(directory, record)
  await writeFile(filterFile(order), keyringFilter(), { mode: 0o600 })
  await mkdir(layout.etcDirectory, { mode: 0o755 })
  for (const [name, content] of filesOfEtc(layout)) {
    await writeFile(join(layout.etcDirectory, name), content, { mode: 0o644 })
  }
  await claimDirectory(layout.channelDirectory)
  await writeFile(join(layout.channelDirectory, 'holder'), holderScript, { mode: 0o644 })
  await writeFile(join(layout.channelDirectory, 'handler'), handlerScript, { mode: 0o644 })
  await makeFifos(layout.channelDirectory, ['requests', 'alive'], layout)

  const deadline = AbortSignal.timeout(startDeadlineMs)
  await startHolder(order, AbortSignal.any([signal, deadline])).catch((error: unknown) => {
    if (signal.aborted) throw cancelled('opening the sandbox')
    if (!deadline.aborted) throw error
    const reason = `bubblewrap did not start the sandbox within ${startDeadlineMs / 1000} s`
    throw sandboxStartFailed(reason, 'Check the load of the machine, then call again.')
  })
}

async function startHolder(order: HolderOrder, signal: AbortSignal): Promise<void> {
  const { directory, layout, record } = order
  const alive = openFifo(join(layout.channelDirectory, 'alive'), 'read')
  // Until the holder has opened it: a FIFO without a writer is at its end.
  const keeper = openFifo(join(layout.channelDirectory, 'alive'), 'write')
  const readiness = new Socket({ fd: alive, readable: true, writable: false })
  readiness.on('error', () => {})

  // A file, because bwrap dies of a pipe whose server has died, and its child then waits for it for
  // ever.
  const told = join(directory, record.name, 'info.json')
  const information = openSync(told, 'wx', 0o600)
  const filter = openSync(filterFile(order), 'r')
  const nothing = openSync('/dev/null', 'r')
  const nonce = randomBytes(9).toString('hex')
  const run = [...order.arguments, '--', '/bin/sh', `${channelsInside}/holder`, nonce]
  const closeAll = () => {
    for (const fd of [keeper, nothing, information, filter]) closeSync(fd)
    readiness.destroy()
  }
  // From 3 on; the arguments name the second too.
  const descriptors = [descriptor(information), descriptor(filter), ...(await covers(nothing))]
  let monitor: Monitor
  try {
    monitor = startMonitor(order.command, layout, ['--info-fd', '3', ...run], descriptors)
  } catch (error) {
    closeAll()
    throw startRefused(error instanceof Error ? error.message : String(error))
  }
  const complaint = text(monitor.stderr).catch(() => '')
  const ended = endOf(monitor, order.command).then(async (end) => {
    const said = (await complaint).trim()
    throw startRefused(said === '' ? end : said)
  })
  ended.catch(() => {})
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    if (signal.aborted) reject(signal.reason)
  })
  aborted.catch(() => {})

  try {
    await Promise.race([says(readiness, `here ${nonce}\n`), ended, aborted])
    const init: number = JSON.parse(await readFile(told, 'utf8'))['child-pid']
    // One that has ended already is in `ended`, with what bwrap had to say.
    const processes = await Promise.race([identifyBoth(monitor.pid, init), ended, aborted])
    await writeRecord(directory, { ...record, processes })
    monitor.stdin.on('error', () => {}).end('go\n')
    await Promise.race([says(readiness, 'ready\n'), ended, aborted])
  } catch (error) {
    if (monitor.pid !== undefined) killMonitor(monitor.pid)
    throw error
  } finally {
    closeAll()
    monitor.stdin.destroy()
    monitor.stderr.destroy()
    monitor.unref()
  }
}

const filterFile = ({ directory, record }: HolderOrder) => join(directory, record.name, 'filter')

function says(socket: Socket, line: string): Promise<void> {
  return new Promise((resolve) => {
    let said = ''
    const listen = (bytes: Buffer) => {
      said += bytes.toString('latin1')
      if (!said.includes(line)) return
      socket.off('data', listen)
      resolve()
    }
    socket.on('data', listen)
  })
}

/** Never settles when one of them has ended. */
async function identifyBoth(monitor: number | undefined, init: number) {
  const started = [startOf(monitor ?? 0), startOf(init)]
  if (monitor === undefined || started[0] === undefined || started[1] === undefined) {
    return new Promise<never>(() => {})
  }
  return {
    monitor: { pid: monitor, started: started[0] },
    init: { pid: init, started: started[1] },
  }
}

function startRefused(reason: string) {
  return sandboxStartFailed(
    `bubblewrap did not start the sandbox: ${reason}`,
    'Run the command doctor to see what this machine does not allow.',
  )
}

/** Kills everything in the sandbox and forgets it. Succeeds when nothing is there. */
export async function destroyHolder(
  directory: string,
  name: string,
  record: SandboxRecord | undefined,
): Promise<void> {
  if (record?.processes !== undefined && !(await endProcesses(record.processes))) {
    const reason = `processes of sandbox ${name} do not end although they were killed`
    throw sandboxStartFailed(reason, 'Look for processes in state D (ps -ef), then call again.')
  }
  await removeDirectory(join(directory, name))
}

/**
 * The first process of a pid namespace ends only after all others in it (pid_namespaces(7)), so
 * killing that one leaves nothing behind. The monitor then reaps it and ends by itself.
 */
async function endProcesses({ init, monitor }: NonNullable<SandboxRecord['processes']>) {
  if (!(await waitForEnd(init, killDeadlineMs, 'killed'))) return false
  if (await waitForEnd(monitor, monitorDeadlineMs, 'byItself')) return true
  return waitForEnd(monitor, killDeadlineMs, 'killed')
}
