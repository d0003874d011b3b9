/** `workspace create|get|list|delete`. */
import type { WorkspaceView } from '../protocol.ts'
import { type Context, say, timeText } from './context.ts'
import { bold, dimmed, heading, tick, yellow } from './report.ts'
import { printStructured } from './sandbox-commands.ts'

export async function create(context: Context): Promise<void> {
  const pairs = context.list('label').filter((pair) => pair.includes('='))
  const labels = Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
  const made = await context
    .rpc()
    .call<WorkspaceView>('CreateWorkspace', { name: context.text('name'), labels })
  say(`${tick} Created workspace ${bold(made.name)}`)
}

export async function get(context: Context): Promise<void> {
  const [name] = context.list('NAME')
  const found = await context.rpc().call<WorkspaceView>('GetWorkspace', { name })
  say(`${heading('Workspace:')}\n`)
  say(`  ${dimmed('Name:')} ${found.name}`)
  say(`  ${dimmed('Id:')} ${found.id}`)
  say(`  ${dimmed('Resource version:')} ${found.resourceVersion}`)
  say(`  ${dimmed('Created:')} ${timeText(found.createdMs)}`)
  if (Object.keys(found.labels).length > 0) say(`  ${dimmed('Labels:')} ${labelText(found)}`)
}

export async function list(context: Context): Promise<void> {
  const found = await context.rpc().call<WorkspaceView[]>('ListWorkspaces', {
    limit: Number(context.text('limit') ?? 100),
    offset: Number(context.text('offset') ?? 0),
    selector: context.text('label-selector') ?? '',
  })
  const json = found.map((entry) => ({
    created_at: timeText(entry.createdMs),
    id: entry.id,
    ...(Object.keys(entry.labels).length > 0 ? { labels: entry.labels } : {}),
    name: entry.name,
    resource_version: entry.resourceVersion,
    status: entry.status,
  }))
  if (printStructured(context, json)) return
  if (found.length === 0) return void say('No workspaces found.')
  const width = Math.max(4, ...found.map(({ name }) => name.length))
  const titles = ['NAME'.padEnd(width), 'STATUS'.padEnd(12), 'CREATED'.padEnd(20), 'LABELS']
  say(titles.map(bold).join('  '))
  for (const entry of found) {
    const status = entry.status === 'Terminating' ? yellow(entry.status) : entry.status
    const cells = [
      entry.name.padEnd(width),
      status.padEnd(12),
      timeText(entry.createdMs).padEnd(20),
    ]
    say([...cells, labelText(entry)].join('  '))
  }
}

export async function deleteWorkspaces(context: Context): Promise<void> {
  const rpc = context.rpc()
  for (const name of context.list('NAMES')) {
    const { deleted } = await rpc.call<{ deleted: boolean }>('DeleteWorkspace', { name })
    say(
      deleted ? `${tick} Deleted workspace ${name}` : `${yellow('!')} Workspace ${name} not found`,
    )
  }
}

const labelText = ({ labels }: WorkspaceView) =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')
