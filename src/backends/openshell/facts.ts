/** What the gateway knows of sandboxes, read from the command's JSON. */
import { backendUnavailable, shown } from '../../errors.ts'
import { getCall, listCall, pageSize } from './arguments.ts'
import type { CallOptions, OpenShellCommand } from './command.ts'

export interface SandboxFacts {
  /** Tells a sandbox from a later one of the same name. */
  readonly id: string
  readonly name: string
  /** As OpenShell words it: `Ready`, `Provisioning`, …; releases add more. */
  readonly phase: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * The sandbox of that name; undefined only when the gateway says that there is none. Whatever else it
 * says is thrown: nothing is known then.
 */
export async function findSandbox(
  command: OpenShellCommand,
  name: string,
  signal: AbortSignal,
): Promise<SandboxFacts | undefined> {
  if ((await command.features(signal)).has('getJson')) {
    const answer = await command.run(() => getCall(name), { signal, name })
    if (answer.ok) return factsNamed(name, answer.stdout)
    if (answer.failure.kind === 'absent') return undefined
    // It may just have turned out that this release cannot.
    if ((await command.features(signal)).has('getJson')) throw answer.failure.error
  }
  return (await listSandboxes(command, { signal, name })).find((one) => one.name === name)
}

/** The sandbox of that name in what `sandbox create` printed; undefined where that is text for people. */
export function factsIn(stdout: string, name: string): SandboxFacts | undefined {
  try {
    return factsNamed(name, stdout)
  } catch {
    return undefined
  }
}

/** All sandboxes, or those with the label. */
export async function listSandboxes(
  command: OpenShellCommand,
  options: CallOptions,
  label?: readonly [string, string],
): Promise<SandboxFacts[]> {
  const all = new Map<string, SandboxFacts>()
  for (let offset = 0; ; offset += pageSize) {
    const known = all.size
    const answer = await command.run(() => listCall(offset, label), options)
    if (!answer.ok) throw answer.failure.error
    const page = parsed(answer.stdout)
    if (!Array.isArray(page)) throw unreadable(answer.stdout)
    for (const one of page) {
      const facts = factsOf(one, answer.stdout)
      all.set(facts.id, facts)
    }
    // A gateway that gives the same page whatever the offset is would do so for ever.
    if (page.length < pageSize || all.size === known) return [...all.values()]
  }
}

/** What is told of another sandbox is no answer: that one would be used, or deleted. */
function factsNamed(name: string, text: string): SandboxFacts {
  const facts = factsOf(parsed(text), text)
  if (facts.name !== name) throw unreadable(text)
  return facts
}

function factsOf(value: unknown, text: string): SandboxFacts {
  if (typeof value !== 'object' || value === null) throw unreadable(text)
  const { id, name, phase, labels } = value as Partial<Record<keyof SandboxFacts, unknown>>
  if (typeof id !== 'string' || typeof name !== 'string' || typeof phase !== 'string') {
    throw unreadable(text)
  }
  const entries = Object.entries(labels ?? {}).map(([key, text]) => [key, `${text}`])
  return { id, name, phase, labels: Object.fromEntries(entries) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable(text)
  }
}

const unreadable = (text: string) =>
  backendUnavailable(
    `OpenShell told about its sandboxes in a way that is not understood: ${shown(text)}`,
    'Update this server, or use a release of OpenShell that it knows (0.0.68 to 0.1.x).',
  )
