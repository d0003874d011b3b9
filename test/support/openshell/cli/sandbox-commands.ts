/** `sandbox get`, `list`, `delete`, `stop`, `start`. */
import { atLeast, type Phase, type SandboxView } from '../protocol.ts'
import { type Context, note, printJson, say, timeText } from './context.ts'
import { forgetLastSandbox, lastSandbox } from './gateways.ts'
import { bold, dimmed, Failure, green, heading, red, tick, yellow } from './report.ts'
import { toYaml } from './yaml.ts'

/** The sandbox that is named, or the one that was used last. */
export function sandboxName(context: Context, given = context.list('NAME')[0]): string {
  if (given !== undefined) return given
  const last = lastSandbox(context.env, context.gateway.name, context.workspace)
  if (last === undefined) {
    throw new Failure(
      'No sandbox name provided and no last-used sandbox.\nSpecify a sandbox name or connect to one first: openshell sandbox connect <name>',
    )
  }
  note(`${bold('→')} Using sandbox '${bold(last)}' (last used)`)
  return last
}

/** The object of `-o json`; versions before workspaces know fewer fields. */
export function sandboxJson(sandbox: SandboxView, version: string): Record<string, unknown> {
  return {
    ...(atLeast(version, '0.0.88') ? { annotations: {} } : {}),
    created_at: timeText(sandbox.createdMs),
    current_policy_version: 1,
    id: sandbox.id,
    labels: sandbox.labels,
    name: sandbox.name,
    phase: phaseText(sandbox.phase, version),
    resource_version: sandbox.resourceVersion,
    ...(atLeast(version, '0.0.88') ? { workspace: sandbox.workspace } : {}),
  }
}

/** A phase that is newer than the program is told as unknown. */
export function phaseText(phase: Phase, version: string): string {
  const since: Partial<Record<Phase, string>> = {
    Completed: '0.1.0',
    Stopping: '0.0.105',
    Stopped: '0.0.105',
    Starting: '0.0.105',
  }
  return atLeast(version, since[phase] ?? '0.0.0') ? phase : 'Unknown'
}

/** False when the table format is wanted. */
export function printStructured(context: Context, value: unknown): boolean {
  if (context.output === 'json') printJson(value)
  else if (context.output === 'yaml') process.stdout.write(toYaml(value))
  else return false
  return true
}

export async function get(context: Context): Promise<void> {
  const name = sandboxName(context)
  const sandbox = await context
    .rpc()
    .call<SandboxView>('GetSandbox', { name, workspace: context.workspace })
  if (context.flag('policy-only')) {
    process.stdout.write(toYaml(sandbox.policy))
    return
  }
  const { version } = context.knobs
  const detail = {
    ...sandboxJson(sandbox, version),
    policy: sandbox.policy,
    policy_source: 'sandbox',
    revision: 1,
  }
  if (printStructured(context, sorted(detail))) return
  say(`${heading('Sandbox:')}\n`)
  say(`  ${dimmed('Id:')} ${sandbox.id}`)
  say(`  ${dimmed('Name:')} ${sandbox.name}`)
  say(`  ${dimmed('Phase:')} ${phaseText(sandbox.phase, version)}`)
  say(`  ${dimmed('Resource version:')} ${sandbox.resourceVersion}`)
  const labels = Object.entries(sandbox.labels).sort()
  if (labels.length > 0) say(`  ${dimmed('Labels:')} `)
  for (const [key, value] of labels) say(`    ${key}: ${value}`)
  say(`  ${dimmed('Policy source:')} sandbox`)
  say(`  ${dimmed('Revision:')} 1`)
  say(`\n${heading('Policy:')}\n`)
  for (const line of toYaml(sandbox.policy).trimEnd().split('\n')) say(`  ${line}`)
}

export async function list(context: Context): Promise<void> {
  const all = context.flag('all-workspaces')
  const sandboxes = await context.rpc().call<SandboxView[]>('ListSandboxes', {
    limit: Number(context.text('limit') ?? 100),
    offset: Number(context.text('offset') ?? 0),
    selector: context.text('selector') ?? '',
    workspace: context.workspace,
    allWorkspaces: all,
  })
  const { version } = context.knobs
  const json = sandboxes.map((sandbox) => sorted(sandboxJson(sandbox, version)))
  if (printStructured(context, json)) return
  if (context.flag('ids')) for (const { id } of sandboxes) say(id)
  else if (context.flag('names')) {
    for (const { name, workspace } of sandboxes) say(all ? `${workspace}/${name}` : name)
  } else if (sandboxes.length === 0) say('No sandboxes found.')
  else printTable(sandboxes, all, version)
}

function printTable(sandboxes: readonly SandboxView[], all: boolean, version: string): void {
  const widest = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length))
  const nameWidth = widest(['NAME', ...sandboxes.map(({ name }) => name)])
  const workspaceWidth = widest(['WORKSPACE', ...sandboxes.map(({ workspace }) => workspace)])
  const row = (workspace: string, name: string, created: string, phase: string) =>
    say(`${all ? `${workspace}  ` : ''}${name}  ${created}  ${phase}`)
  row(
    bold('WORKSPACE'.padEnd(workspaceWidth)),
    bold('NAME'.padEnd(nameWidth)),
    bold('CREATED'.padEnd(19)),
    bold('PHASE'),
  )
  const colours: Partial<Record<Phase, (text: string) => string>> = {
    Ready: green,
    Error: red,
    Provisioning: yellow,
    Deleting: dimmed,
  }
  for (const { workspace, name, createdMs, phase } of sandboxes) {
    const colour = colours[phase] ?? String
    row(
      workspace.padEnd(workspaceWidth),
      name.padEnd(nameWidth),
      timeText(createdMs),
      colour(phaseText(phase, version)),
    )
  }
}

/** In order; the first that is missing ends it. */
export async function deleteSandboxes(context: Context): Promise<void> {
  const rpc = context.rpc()
  const { workspace } = context
  let names = context.list('NAME')
  if (context.flag('all')) {
    const body = { limit: 1000, offset: 0, selector: '', workspace, allWorkspaces: false }
    names = (await rpc.call<SandboxView[]>('ListSandboxes', body)).map(({ name }) => name)
    if (names.length === 0) return void say('No sandboxes to delete.')
  }
  for (const name of names) {
    const { deleted } = await rpc.call<{ deleted: boolean }>('DeleteSandbox', { name, workspace })
    if (!deleted) {
      say(`${yellow('!')} Sandbox ${name} not found`)
      continue
    }
    forgetLastSandbox(context.env, rpc.gateway.name, workspace, name)
    say(`${tick} Deleted sandbox ${name}`)
  }
}

export async function stop(context: Context): Promise<void> {
  await changePhase(context, 'StopSandbox', 'Stopped')
}

export async function start(context: Context): Promise<void> {
  await changePhase(context, 'StartSandbox', 'Ready')
}

async function changePhase(context: Context, method: string, target: Phase): Promise<void> {
  const rpc = context.rpc()
  const name = sandboxName(context)
  const sandbox = await rpc.call<SandboxView>(method, { name, workspace: context.workspace })
  const seconds = Number(process.env.OPENSHELL_LIFECYCLE_TIMEOUT ?? 300)
  const timer = setTimeout(() => {
    process.stderr.write(
      `Error:   × timed out after ${seconds}s waiting for sandbox to reach ${target}\n\n`,
    )
    process.exit(1)
  }, seconds * 1000)
  let { phase } = sandbox
  if (phase !== target) {
    for await (const seen of rpc.stream<SandboxView>('/watch', { id: sandbox.id })) {
      phase = seen.phase
      if (phase === target) break
      if (phase === 'Error') throw new Failure(seen.condition ?? 'sandbox entered Error')
    }
  }
  clearTimeout(timer)
  if (phase !== target) throw new Failure(`sandbox watch ended before reaching ${target}`)
  say(`${tick} ${target === 'Ready' ? 'Started' : 'Stopped'} sandbox ${name}`)
}

/** serde_json prints the keys of a map in order. */
function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
