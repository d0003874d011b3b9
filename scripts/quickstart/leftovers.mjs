// A sandbox that ended with its session has left nothing: no container, no process. The quickstart
// looks, rather than trusting it, and removes what it finds.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { failed } from '../machine/say.mjs'

const patienceMs = 10_000

/** True when nothing of the sandbox of `workspace` was left. */
export async function clearLeftovers({ engine }, workspace) {
  const started = performance.now()
  let found = await leftovers(engine, workspace)
  while (found.length > 0 && performance.now() - started < patienceMs) {
    await sleep(200)
    found = await leftovers(engine, workspace)
  }
  for (const { name, remove } of found) {
    failed('left behind', `${name}; removed now`)
    await remove()
  }
  return found.length === 0
}

async function leftovers(engine, workspace) {
  return [...(await containers(engine, workspace)), ...processes(workspace)]
}

async function containers(engine, workspace) {
  const found = (await engine?.containers(`sandbox-mcp.workspace=${workspace}`)) ?? []
  return found.map(({ Id, Names }) => ({
    name: `container ${Names[0]}`,
    remove: () => engine.removeContainer(Id),
  }))
}

/** Processes that were given the workspace to work on: the server, or what holds a sandbox open. */
function processes(workspace) {
  if (process.platform !== 'linux') return []
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return numbers
    .map((pid) => ({ pid, command: commandOf(pid) }))
    .filter(({ command }) => command.includes(workspace))
    .map(({ pid, command }) => ({
      name: `process ${pid} (${command.slice(0, 60)})`,
      remove: () => kill(Number(pid)),
    }))
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended meanwhile
  }
}
