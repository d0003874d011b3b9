// Child processes of the scripts. Those that run are known, so that an interrupted script can end
// them and still tidy up behind itself.
import { spawn } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const running = new Set()
const interruption = new AbortController()

/** Aborts when the script is told to stop. */
export const interrupted = interruption.signal
// Every request listens to it, and they are many.
setMaxListeners(0, interrupted)

/** A failure that is told in one message, without a stack: the person at the terminal can act on it. */
export class Problem extends Error {}

/**
 * Runs `main` and sets the exit code it returns. SIGINT and SIGTERM end the children that run,
 * upon which `main` unwinds through its `finally` blocks.
 */
export async function runMain(main) {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGPIPE: 141 }
  const interrupt = (signal) => {
    interruption.abort(signal)
    for (const child of running) child.kill('SIGTERM')
  }
  for (const signal of Object.keys(codes)) process.on(signal, interrupt)
  // Whoever read along went away (`npm test | head`): nothing more can be said, but much be tidied up.
  process.stdout.on('error', () => interrupt('SIGPIPE'))
  try {
    process.exitCode = await main()
  } catch (error) {
    const text = error instanceof Problem ? error.message : (error?.stack ?? error)
    if (!interrupted.aborted) process.stderr.write(`\n${text}\n`)
    process.exitCode = 1
  }
  if (interrupted.aborted) {
    process.stderr.write(`\nstopped by ${interrupted.reason}\n`)
    process.exitCode = codes[interrupted.reason]
  }
}

/** Throws once the script was told to stop. */
export function checkInterrupted() {
  if (interrupted.aborted) throw new Problem(`stopped by ${interrupted.reason}`)
}

/** Runs to the end and resolves with `{ code, stdout, stderr }`; code 127 where there is no such command. */
export function capture(command, args, { env, cwd, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    })
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8')
      child[name].on('data', (text) => {
        out[name] += text
      })
    }
    running.add(child)
    child.on('close', () => running.delete(child))
    child.on('error', (error) => resolve({ code: 127, stdout: '', stderr: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, ...out }))
  })
}

/** Runs to the end, silent unless it fails: then the end of its output is the message. */
export async function quietly(command, args, options) {
  checkInterrupted()
  const { code, stdout, stderr } = await capture(command, args, options)
  checkInterrupted()
  if (code === 0) return stdout
  const tail = `${stdout}${stderr}`.trimEnd().split('\n').slice(-20).join('\n')
  throw new Problem(`${command} ${args.join(' ')} ended with code ${code}:\n${tail}`)
}

/**
 * Runs to the end on our own terminal and resolves with the exit code. The command has a group of
 * its own, so that when we are told to stop, all that it started is ended too.
 */
export async function inherit(command, args, { env } = {}) {
  checkInterrupted()
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: process.platform !== 'win32',
  })
  const end = () => signalGroup(child, 'SIGTERM')
  interrupted.addEventListener('abort', end)
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  interrupted.removeEventListener('abort', end)
  if (interrupted.aborted) {
    for (let tries = 0; tries < 50 && signalGroup(child, 0); tries += 1) await sleep(100)
    signalGroup(child, 'SIGKILL')
  }
  return code ?? 1
}

/** False when nobody of the child's group is left. */
function signalGroup(child, signal) {
  if (process.platform === 'win32') return child.kill(signal)
  try {
    return process.kill(-child.pid, signal)
  } catch {
    return false
  }
}

/** Where a command is, also among those that only root has on the PATH. */
export function which(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  for (const folder of folders.filter(Boolean)) {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return join(folder, command)
    } catch {
      // not here
    }
  }
  return undefined
}

export const isRoot = process.platform === 'linux' && process.getuid?.() === 0
