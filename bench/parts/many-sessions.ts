/** Many sessions in one process, as a server with a transport that carries several would have them. */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { callTool } from '../../src/mcp/call-tool.ts'
import type { Session } from '../../src/session.ts'
import { backendOnce } from '../../src/sessions/choose-backend.ts'
import { makeSession } from '../../src/sessions/make-session.ts'
import { planSandbox } from '../../src/sessions/plan-sandbox.ts'
import { tools } from '../../src/tools/all.ts'
import { keepYoungGenerationSmall } from '../../src/young-generation.ts'
import { settingsWith } from '../../test/support/settings.ts'
import { memoryOf } from './memory.ts'

const never = new AbortController().signal

/** What the benchmark is started with, to measure them in a process that has done nothing before. */
export const manySessions = '--many-sessions'

/** As `memoryOfSessions`, in a process of its own. */
export function memoryOfSessionsAlone(count: number, folder: string): Promise<number> {
  const args = [...process.argv.slice(1, 2), manySessions, String(count), folder]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, (error, stdout) => {
      if (error === null) resolve(Number(stdout))
      else reject(error)
    })
  })
}

/** Resolves with an exit code. */
export async function tellMemoryOfSessions([
  count,
  folder = '',
]: readonly string[]): Promise<number> {
  process.stdout.write(`${await memoryOfSessions(Number(count), folder)}\n`)
  return 0
}

/**
 * Megabytes of this process for each of `count` sessions with a sandbox of bubblewrap and a command run in
 * it, once all are open. What the first session loads is not counted. All of it is gone afterwards.
 */
async function memoryOfSessions(count: number, folder: string): Promise<number> {
  keepYoungGenerationSmall()
  const state = join(folder, 'state')
  mkdirSync(state, { recursive: true })
  const opened: (() => Promise<void>)[] = []
  try {
    opened.push(await openOne(folder, state, 'first'))
    const before = memoryOf(process.pid).now
    for (let n = 0; n < count; n++) opened.push(await openOne(folder, state, `${n}`))
    return (memoryOf(process.pid).now - before) / count
  } finally {
    for (const close of opened) await close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Resolves with what ends it. */
async function openOne(folder: string, state: string, name: string): Promise<() => Promise<void>> {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  const settings = settingsWith({
    backend: 'bubblewrap',
    ephemeral: true,
    workspace: { path, source: 'the benchmark' },
  })
  const plan = planSandbox(settings, state)
  const { session } = makeSession(settings, plan, {}, backendOnce(settings, state))
  await execTrue(session)
  return async () => {
    await session.close()
    plan.remove()
  }
}

async function execTrue(session: Session): Promise<void> {
  const exec = tools.find(({ name }) => name === 'exec')
  if (exec === undefined) throw new Error('there is no exec')
  const call = { session, signal: never, progress: () => {} }
  const { structuredContent } = await callTool(exec, { command: 'true' }, call)
  if (structuredContent?.exitCode !== 0) throw new Error(JSON.stringify(structuredContent))
}
