/** `sandbox-mcp recreate`: sandboxes are removed; the next call of a tool makes them again. */
import { nearestWord } from '../config/nearest-word.ts'
import { configInvalid, shown } from '../errors.ts'
import { whileNobodyBegins } from '../sessions/lease.ts'
import { forgetSandbox } from '../sessions/use-record.ts'
import { type Arguments, help, readArguments } from './arguments.ts'
import { listed } from './list.ts'
import {
  type Found,
  type FoundSandbox,
  findSandboxes,
  isUnsure,
  sayWhatIsMissing,
} from './sandboxes.ts'
import { ask, coloured, isAttended, print, say } from './terminal.ts'
import { toldError, within } from './within.ts'

/** Removing a large tree on another machine takes longest. */
const removeMs = 320_000

export async function run(argv: readonly string[]): Promise<number> {
  const args = await readArguments('recreate', argv)
  if (args === undefined) return 0
  const isChosen = selector(args)
  const found = await findSandboxes(args.server)
  sayWhatIsMissing(found)
  const chosen = found.sandboxes.filter(isChosen)
  // What was named and is not there may be on an engine that does not answer.
  const missing = args.names.filter((name) => !chosen.some(({ info }) => info.name === name))
  for (const name of missing) say(`\u2716 ${notFound(name, found)}`)
  if (missing.length > 0) {
    say(
      '  Nothing was removed. "sandbox-mcp list" shows what there is; call again with names of it.',
    )
    return 1
  }
  if (chosen.length === 0) {
    say(noneText(args, isUnsure(found)))
    return args.given.all === undefined || isUnsure(found) ? 1 : 0
  }
  say(preview(chosen).join('\n'))
  if (args.given.force === undefined && !(await isConfirmed(chosen.length))) {
    say('Nothing was removed.')
    return 1
  }
  let failures = 0
  for (const sandbox of chosen) {
    try {
      await remove(sandbox, found.state)
      await print(`${sandbox.info.name}\n`)
    } catch (error) {
      failures += 1
      const { message, hint } = toldError(error)
      say(
        `${coloured('red', '\u2716')} ${sandbox.info.name} could not be removed: ${message}\n  ${hint}`,
      )
    }
  }
  return failures > 0 || (args.names.length === 0 && isUnsure(found)) ? 1 : 0
}

/** Removes the sandbox, and what is remembered of it on the host. */
async function remove({ info, backend }: FoundSandbox, state: string): Promise<void> {
  const { name } = info
  await within(removeMs, `removing ${name}`, (signal) => {
    const remove = async () => {
      await backend.remove(name, signal)
      forgetSandbox(state, name)
    }
    // What is remembered of one that is opened meanwhile is of the next sandbox.
    return whileNobodyBegins(name, remove, signal)
  })
}

/** `CONFIG_INVALID` unless exactly one way of choosing was used. */
function selector({ given, names }: Arguments): (sandbox: FoundSandbox) => boolean {
  const { agent, session, all } = given
  const ways = [all, agent, session, names[0]].filter((way) => way !== undefined)
  if (ways.length !== 1) {
    throw configInvalid(
      ways.length === 0 ? 'recreate what?' : 'recreate takes one way of choosing sandboxes',
      `Give names, --agent ID, --session KEY or --all. ${help('recreate')}`,
    )
  }
  if (names.length > 0) return ({ info }) => names.includes(info.name)
  return (sandbox) => {
    const { scopeKey, agent: of, state } = sandbox.info
    // Who renamed it wants to keep it.
    if (state === 'renamed') return false
    if (agent !== undefined) return of === agent
    if (session === undefined) return true
    return (
      [scopeKey, sandbox.session, `agent:${of}:${sandbox.session}`].includes(session) ||
      scopeKey.startsWith(`${session}:workspace:`)
    )
  }
}

function noneText({ given: { all, session } }: Arguments, unsure: boolean): string {
  if (all !== undefined)
    return unsure ? 'No sandboxes on the engines that answer.' : 'No sandboxes.'
  const none = 'No such sandbox; "sandbox-mcp list" shows them.'
  return session === undefined
    ? none
    : `${none} Those whose SESSION is "-" are for all sessions of their agent: choose them with --agent or by name.`
}

function notFound(name: string, { sandboxes, unreachable }: Found): string {
  const near = nearestWord(
    name,
    sandboxes.map(({ info }) => info.name),
    4,
  )
  const silent = unreachable.map(({ engine }) => engine.title).join(', ')
  const where = silent === '' ? '' : ` on the engines that answer (not asked: ${silent})`
  return `there is no sandbox ${shown(name)}${where}${near === undefined ? '' : `; did you mean ${near}?`}`
}

function preview(chosen: readonly FoundSandbox[]): string[] {
  const losses = new Map<string, string[]>()
  for (const sandbox of chosen) {
    const loss = lossOf(sandbox)
    losses.set(loss, [...(losses.get(loss) ?? []), sandbox.info.name])
  }
  const told = [...losses].map(([loss, names]) =>
    losses.size === 1 ? `Lost: ${loss}.` : `Lost with ${names.join(', ')}: ${loss}.`,
  )
  const inUse = chosen.filter(({ isInUse }) => isInUse).map(({ info }) => info.name)
  const warning = inUse.length === 0 ? [] : [`! In use at this moment: ${inUse.join(', ')}.`]
  return [...listed(chosen, process.stderr), '', ...told, ...warning]
}

const inside = 'what runs inside, what was installed, and files outside the workspace'

/** What there is only inside. */
function lossOf({ info, workspaces, isUnsettled }: FoundSandbox): string {
  if (info.kind === 'host') return 'what runs; files on this machine stay as they are'
  switch (workspaces) {
    case 'bind':
      return `${inside}; the workspace on this machine stays as it is`
    case 'mirror':
      return `${isUnsettled ? 'changes in the workspace that did not come back to this machine yet (the next command in it would bring them), ' : ''}${inside}; the workspace on this machine stays as it is`
    case 'remote':
      return `the whole workspace inside, with all work in it that was not copied elsewhere: nothing of it is on this machine. Also ${inside}`
  }
}

/** `CONFIG_INVALID` where nobody can be asked. */
async function isConfirmed(count: number): Promise<boolean> {
  if (!isAttended()) {
    throw configInvalid(
      'nothing was removed: there is no terminal to ask on',
      'Give --force to remove without being asked.',
    )
  }
  return ask(`Remove ${count === 1 ? 'this sandbox' : `these ${count} sandboxes`}?`)
}
