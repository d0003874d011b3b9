/** A program of the user's ssh_config that carries the connection on its stdin and stdout. */
import { Duplex } from 'node:stream'
import { execa } from 'execa'
import { configInvalid, shown } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'

export interface ProxyProgram {
  readonly stream: Duplex
  /** How it ended by itself, with its last words, if it does so within a moment; else undefined. */
  ending(): Promise<string | undefined>
  /** Ends the program, soon by force. */
  close(): void
}

/** What the tokens of a command stand for, as ssh_config(5) names them. */
export type ProxyTokens = Readonly<Record<'h' | 'n' | 'p' | 'r', string>>

const keptBytes = 1_000
const endingMs = 1_000

/**
 * The command with its tokens filled in. `CONFIG_INVALID` for a token it does not know, and for a value
 * that would be more than a word to the shell.
 */
export function proxyCommandLine(command: string, tokens: ProxyTokens): string {
  return command.replace(/%(.?)/g, (token, letter: string) => {
    if (letter === '%') return '%'
    const value = tokens[letter as keyof ProxyTokens]
    if (value === undefined) {
      throw configInvalid(
        `the ProxyCommand ${shown(command)} has a token that is not known: ${token}`,
        'Use %h, %p, %r, %n, and %% for a percent sign.',
      )
    }
    if (quote(value) === value && !value.startsWith('-')) return value
    throw configInvalid(
      `${shown(value)} cannot be filled in for ${token} of the ProxyCommand ${shown(command)}: a shell would not read it as it is`,
      'Use a user and a host name of letters, digits and . _ - only, or ProxyJump.',
    )
  })
}

/** Runs it as OpenSSH does; it sees this server's environment. */
export function startProxy(commandLine: string): ProxyProgram {
  const program = execa('/bin/sh', ['-c', `exec ${commandLine}`], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
  })
  let said = Buffer.alloc(0)
  program.stderr.on('data', (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]).subarray(-keptBytes)
  })
  let closed = false
  const ended = program.then(({ exitCode, signal, shortMessage }) => {
    if (closed) return undefined
    const how =
      exitCode !== undefined ? `exit code ${exitCode}` : signal ? `signal ${signal}` : shortMessage
    const words = said.toString().trim()
    return `with ${how}${words === '' ? '' : `: ${words}`}`
  })
  const stream = Duplex.from({ readable: program.stdout, writable: program.stdin })
  // Its end is told by the end of the connection.
  program.stdin.on('error', () => {})
  return {
    stream,
    ending: () => Promise.race([ended, after(endingMs)]),
    close() {
      closed = true
      program.kill()
    },
  }
}

const after = (ms: number) =>
  new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), ms).unref()
  })
