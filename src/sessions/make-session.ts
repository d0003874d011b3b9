/** A session put together from settings and a plan. Nothing is opened or started by it. */
import { outputLimitsOf } from '../output/captured-output.ts'
import type { Sight } from '../resources/sight.ts'
import type { Backend, OpenContext } from '../sandbox.ts'
import { Session } from '../session.ts'
import type { SessionOptions } from '../session-options.ts'
import type { Settings } from '../settings.ts'
import { backendOnce } from './choose-backend.ts'
import { makeWorkspace } from './make-workspace.ts'
import { backendOf } from './mode.ts'
import type { SandboxPlan } from './plan-sandbox.ts'
import { NotedUse } from './sandbox-use.ts'

export interface SessionParts {
  readonly session: Session
  /** The backend: the same one for all who ask, chosen when it is asked for first. */
  readonly choose: (signal: AbortSignal) => Promise<Backend>
  readonly sight: Sight
}

export function makeSession(
  settings: Settings,
  plan: SandboxPlan,
  limits: Omit<SessionOptions, 'ephemeral'> = {},
  choose: SessionParts['choose'] = backendOnce(settings, plan.state),
): SessionParts {
  const { spec, state } = plan
  const never: OpenContext = { signal: new AbortController().signal, report: () => {} }
  const { workspace, sight } = makeWorkspace(
    settings,
    { spec, state, choose },
    {
      opened: () => session.sandbox(never),
      current: () => session.current,
      scripts: () => session.scripts,
      run: (...script) => session.run(...script),
      abandon: (sandbox, error) => session.abandon(sandbox, error),
      open: (context) => session.sandbox(context),
    },
  )
  const session: Session = new Session(workspace, {
    ephemeral: settings.ephemeral,
    outputLimits: outputLimitsOf(settings.outputCharacters),
    // On the host they would be nobody's wish: they are a sandbox's.
    env: backendOf(settings) === 'host' ? {} : settings.docker.env,
    commandTimeoutSeconds: settings.commandTimeoutSeconds,
    use: new NotedUse(plan, settings),
    news: plan.notes,
    ...limits,
  })
  return { session, choose, sight }
}
