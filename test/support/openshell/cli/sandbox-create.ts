/** `sandbox create`: local checks, then the gateway, then the wait until it is ready, then uploads. */
import { existsSync, lstatSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { atLeast, type CreateRequest, type SandboxView, Status } from '../protocol.ts'
import { type Context, note, say } from './context.ts'
import { setLastSandbox } from './gateways.ts'
import { bold, dimmed, Failure, heading, statusText, tick } from './report.ts'
import type { Rpc } from './rpc.ts'
import { printStructured, sandboxJson } from './sandbox-commands.ts'
import { runOverSsh } from './ssh.ts'
import { uploadTo } from './upload.ts'
import { loadPolicy } from './yaml.ts'

export async function create(context: Context): Promise<number | undefined> {
  const labels = parseLabels(context.list('label'))
  const environment = parseEnv(context.list('env'))
  const uploads = context.list('upload').map(uploadSpec)
  for (const { local } of uploads) {
    if (!exists(local)) throw new Failure(`local path does not exist: ${local}`)
  }
  const rpc = context.rpc()
  await connect(rpc)
  const command = context.list('COMMAND')
  const request: CreateRequest = {
    name: context.text('name') ?? '',
    workspace: context.workspace,
    labels,
    environment,
    image: resolveFrom(context.text('from')),
    providers: context.list('provider'),
    command: mainCommand(context, command),
    tty: context.flag('tty'),
    ...optional('policy', loadPolicy(context.text('policy'))),
  }
  await requireProviders(rpc, request)
  const sandbox = await createRecord(context, rpc, request)
  const persist = !context.flag('no-keep')
  if (persist) setLastSandbox(context.env, rpc.gateway.name, context.workspace, sandbox.name)
  const structured = context.output !== 'table'
  if (structured) note('Provisioning sandbox (structured output on stdout)...')
  else {
    say(`\n${heading('Created sandbox:')} ${bold(sandbox.name)}\n`)
    say(`  ${dimmed('[0.0s]')} Requesting compute...`)
  }
  const ready = await waitUntilReady(rpc, sandbox, structured)
  for (const { local, remote } of uploads) {
    note(`  ${dimmed('•')} Uploading files to ${remote ?? '~'}...`)
    await uploadTo(context, sandbox.name, local, remote, !context.flag('no-git-ignore'))
    note(`  ${tick} Files uploaded`)
  }
  if (structured) {
    printStructured(context, sandboxJson(ready, context.knobs.version))
    return 0
  }
  return afterReady(context, rpc, sandbox.name, command, persist)
}

/** From 0.0.111 on a command is the main process; before that it was run once the sandbox was ready. */
function mainCommand({ knobs }: Context, command: readonly string[]): readonly string[] {
  if (!atLeast(knobs.version, '0.0.111')) return []
  return command.length > 0 ? command : ['/bin/bash', '-l']
}

async function afterReady(
  context: Context,
  rpc: Rpc,
  name: string,
  command: readonly string[],
  persist: boolean,
): Promise<number> {
  const version = context.knobs.version
  if (atLeast(version, '0.0.111')) {
    const attach = atLeast(version, '0.1.0') && command.length > 0
    if (context.flag('detach') || (persist && !attach)) return 0
    const code = await runOverSsh(context, name, { subsystem: 'openshell-main' })
    if (!persist) await rpc.call('DeleteSandbox', { name, workspace: context.workspace })
    if (code !== 0) throw new Failure(`ssh exited with status exit status: ${code}`)
    return 0
  }
  // Without a command a shell is attached, which reads stdin until it ends.
  const words = command.length > 0 ? command.map(quote).join(' ') : undefined
  const code = await runOverSsh(context, name, words === undefined ? {} : { command: words })
  if (!persist) await rpc.call('DeleteSandbox', { name, workspace: context.workspace })
  if (code !== 0) throw new Failure(`ssh exited with status exit status: ${code}`)
  return 0
}

/** Tells an unreachable gateway at length, as only this command does. */
async function connect(rpc: Rpc): Promise<void> {
  const { name, endpoint } = rpc.gateway
  try {
    await rpc.callRaw('Health', {})
  } catch (error) {
    if (!(error instanceof Failure)) throw rpc.failure(error)
    const message = `failed to connect to gateway '${name}' at ${endpoint}. Start the gateway service with the installed package manager, or register a different endpoint with \`openshell gateway add <endpoint>\`.`
    throw new Failure(message, [error.message, ...error.causes])
  }
}

/** Those that are missing are looked for before anything is created. */
async function requireProviders(rpc: Rpc, { providers, workspace }: CreateRequest): Promise<void> {
  if (providers.length === 0) return
  const known = await rpc.call<string[]>('ListProviders', { workspace })
  const missing = providers.find((name) => !known.includes(name))
  if (missing === undefined) return
  throw new Failure(
    `provider '${missing}' not found and '${missing}' is not a recognized provider type. Create it first with \`openshell provider create --type <type> --name ${missing}\``,
  )
}

async function createRecord(
  context: Context,
  rpc: Rpc,
  request: CreateRequest,
): Promise<SandboxView> {
  try {
    return await rpc.callRaw<SandboxView>('CreateSandbox', request)
  } catch (error) {
    if (!(error instanceof Status)) throw error
    if (error.code !== 'AlreadyExists') {
      throw new Failure(statusText(error, context.knobs.oldErrors))
    }
    throw new Failure(
      `${error.message}\n\nhint: delete it first with: openshell sandbox delete <name>\n      or use a different name`,
    )
  }
}

async function waitUntilReady(
  rpc: Rpc,
  sandbox: SandboxView,
  structured: boolean,
): Promise<SandboxView> {
  const seconds = Number(process.env.OPENSHELL_PROVISION_TIMEOUT ?? 300)
  const started = Date.now()
  let last = sandbox
  const timedOut = new Promise<'timeout'>((resolve) => {
    setTimeout(() => resolve('timeout'), seconds * 1000).unref()
  })
  const states = rpc.stream<SandboxView>('/watch', { id: sandbox.id })
  for (;;) {
    const next = await Promise.race([states.next(), timedOut])
    if (next === 'timeout') {
      if (!structured) say('')
      const status = last.condition === undefined ? '' : ` Last reported status: ${last.condition}`
      throw new Failure(`sandbox provisioning timed out after ${seconds}s.${status}`)
    }
    if (next.done) {
      throw new Failure('sandbox provisioning stream ended before reaching terminal phase')
    }
    last = next.value
    if (last.phase === 'Ready') break
    if (last.phase === 'Error') {
      const why = last.condition === undefined ? '' : `: ${last.condition}`
      throw new Failure(`sandbox entered error phase while provisioning${why}`)
    }
  }
  await states.return(undefined)
  const stamp = `[${((Date.now() - started) / 1000).toFixed(1)}s]`
  if (!structured) say(`  ${dimmed(stamp)} Sandbox ready`)
  return last
}

/** A community name, an image, or a Dockerfile; the double pretends to have built the last. */
function resolveFrom(value: string | undefined): string {
  if (value === undefined) return ''
  const explicit = /^(\/|\.$|\.\.$|\.\/|\.\.\/|~\/)/.test(value)
  const dockerfile = /dockerfile/i.test(basename(value)) && !/[/:]/.test(value)
  if (exists(value)) {
    if (statSync(value).isDirectory() && !existsSync(join(value, 'Dockerfile'))) {
      throw new Failure(`No Dockerfile found in directory: ${value}`)
    }
    return `openshell/sandbox-from:${Math.floor(Date.now() / 1000)}`
  }
  if (explicit || dockerfile) {
    throw new Failure(
      `local --from path does not exist: ${value}\nUse an existing Dockerfile, a directory containing Dockerfile, or a container image reference.`,
    )
  }
  if (/[/:.]/.test(value)) return value
  const registry =
    process.env.OPENSHELL_COMMUNITY_REGISTRY || 'ghcr.io/nvidia/openshell-community/sandboxes'
  return `${registry}/${value}:latest`
}

function parseLabels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 0) throw new Failure(`invalid label format '${pair}', expected key=value`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

export function parseEnv(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 0) throw new Failure(`--env entries must be KEY=VALUE; got '${pair}'`)
      const key = pair.slice(0, at)
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
        throw new Failure(`--env key must match [A-Za-z_][A-Za-z0-9_]*; got '${key}'`)
      }
      if (key.startsWith('OPENSHELL_')) {
        throw new Failure(`--env keys starting with OPENSHELL_ are reserved; got '${key}'`)
      }
      return [key, pair.slice(at + 1)]
    }),
  )
}

/** `LOCAL[:REMOTE]`. */
function uploadSpec(spec: string): { local: string; remote?: string } {
  const at = spec.indexOf(':')
  return at < 0 ? { local: spec } : { local: spec.slice(0, at), remote: spec.slice(at + 1) }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

const optional = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [key in K]?: V }
