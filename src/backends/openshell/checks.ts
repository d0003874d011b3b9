/** What the openshell backend needs: the command, a gateway that lets us in, and labels. */
import { isSandboxError, shown } from '../../errors.ts'
import type { Check, Finding } from '../../sandbox.ts'
import { listCall, statusCall } from './arguments.ts'
import type { OpenShellCommand } from './command.ts'
import { listSandboxes } from './facts.ts'
import { installationLabel } from './labels.ts'

export function openShellChecks(command: OpenShellCommand): readonly Check[] {
  return [
    {
      name: 'OpenShell',
      run: (signal) =>
        findingOf(async () => {
          const { text } = await command.version(signal)
          return { ok: true, detail: `${command.settings.command} ${text}` }
        }),
    },
    {
      name: 'the gateway of OpenShell',
      run: (signal) => findingOf(() => gatewayAnswers(command, signal)),
    },
    {
      name: 'labels of OpenShell',
      run: (signal) =>
        findingOf(async () => {
          await listSandboxes(command, { signal }, [installationLabel, 'none'])
          return { ok: true, detail: 'sandboxes can be found by their labels' }
        }),
    },
  ]
}

/** `status` ends with 0 whatever it finds, so what it prints is read; it does not ask who we are. */
async function gatewayAnswers(command: OpenShellCommand, signal: AbortSignal): Promise<Finding> {
  const { gateway } = await command.scope(signal)
  const place = gateway.name ?? gateway.endpoint ?? ''
  if ((await command.features(signal)).has('statusJson')) {
    const answer = await command.run(() => statusCall, { signal })
    const isKnown = (await command.features(signal)).has('statusJson')
    if (!answer.ok && isKnown) return failed(answer.failure.error)
    const problem = answer.ok ? problemIn(answer.stdout) : undefined
    if (problem !== undefined) {
      const fix = `Start the gateway or log in ("openshell gateway login ${place}"), and check it with "openshell status".`
      return { ok: false, detail: `${place}: ${problem}`, fix }
    }
  }
  const listed = await command.run(() => listCall(0), { signal })
  return listed.ok ? { ok: true, detail: place } : failed(listed.failure.error)
}

/** Undefined when it is connected and let in. */
function problemIn(json: string): string | undefined {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(json) ?? {}
  } catch {
    return `its status is not understood: ${shown(json)}`
  }
  const { status, error } = value
  if (status !== 'connected' && status !== 'connected_http') {
    return `${status}${error === undefined ? '' : `: ${error}`}`
  }
  const authentication = (value.authentication ?? {}) as Record<string, unknown>
  if (authentication.status !== 'failed') return undefined
  return `not logged in${authentication.error === undefined ? '' : `: ${authentication.error}`}`
}

async function findingOf(look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    if (!isSandboxError(error)) throw error
    return failed(error)
  }
}

const failed = ({ message, hint }: { message: string; hint: string }): Finding => ({
  ok: false,
  detail: message,
  fix: hint,
})
