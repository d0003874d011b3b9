/**
 * Three pipes to a process. They are FIFOs, because scripts open /dev/stdout and /dev/stderr again, which
 * the sockets that Node makes for a child do not allow.
 */
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

export interface Pipes {
  readonly stdin: Socket
  readonly stdout: Socket
  readonly stderr: Socket
  /** Descriptors for the process; they block, as programs expect. Typed as execa wants them. */
  readonly theirs: [0, 1, 2]
  /** The process has them now, or never will. */
  handOver(): void
  /** Lets go of this side. */
  close(): void
}

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants

export async function openPipes(): Promise<Pipes> {
  const directory = mkdtempSync(join(tmpdir(), 'sandbox-mcp-pipes-'))
  const opened: number[] = []
  const open = (name: string, flags: number) => {
    opened.push(openSync(join(directory, name), flags | O_NOFOLLOW))
    return opened.at(-1) as number
  }
  try {
    await execa('mkfifo', ['-m', '600', 'in', 'out', 'err'], { cwd: directory, stdin: 'ignore' })
    // None of these waits: the first of each pair does not block, and then there is another end.
    const keeper = open('in', O_RDONLY | O_NONBLOCK)
    const ours = [
      open('in', O_WRONLY | O_NONBLOCK),
      open('out', O_RDONLY | O_NONBLOCK),
      open('err', O_RDONLY | O_NONBLOCK),
    ] as const
    const theirs = [open('in', O_RDONLY), open('out', O_WRONLY), open('err', O_WRONLY)] as const
    const stdin = new Socket({ fd: ours[0], readable: false, writable: true })
    // Paused until the process has its ends: before that there is nothing to read.
    const [stdout, stderr] = [ours[1], ours[2]].map(
      (fd) => new Socket({ fd, readable: true, writable: false }),
    ) as [Socket, Socket]
    const streams = [stdin, stdout, stderr]
    for (const stream of streams) stream.on('error', () => {})
    return {
      stdin,
      stdout,
      stderr,
      theirs: theirs as unknown as [0, 1, 2],
      handOver: () => {
        for (const fd of [keeper, ...theirs]) closeSync(fd)
      },
      close: () => {
        for (const stream of streams) stream.destroy()
      },
    }
  } catch (error) {
    for (const fd of opened) closeSync(fd)
    throw error
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
