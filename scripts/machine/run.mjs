// Child processes of the scripts. Those that run are known, so that an interrupted script can end
// them and still tidy up behind itself.
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const running = new Set()
const interruption = new AbortController()

/** Aborts when the script is told to stop. */
export const interrupted = interruption.signal

/** A failure that is told in one message, without a stack: the person at the terminal can act on it. */
export class Problem extends Error {}

/**
 * Runs `main` and sets the exit code it returns. SIGINT and SIGTERM end the children that run,
 * upon which `main` unwinds through its `finally` blocks.
 */
export async function runMain(main) {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
  for (const signal of Object.keys(codes)) {
    process.on(signal, () => {
      interruption.abort(signal)
      for (const child of running) child.kill('SIGTERM')
    })
  }
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
    track(child)
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

/** Runs to the end on our own terminal and resolves with the exit code. */
export function inherit(command, args, { env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'inherit' })
    track(child)
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

function track(child) {
  running.add(child)
  child.on('close', () => running.delete(child))
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
