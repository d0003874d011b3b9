/** What a server would plan with its settings, and what keeps it from that. Makes nothing. */
import type { Resolved } from '../config/resolve.ts'
import { refuseFilesIn, rulingFiles } from '../config/untrusted-file.ts'
import type { SandboxError } from '../errors.ts'
import { foretellSandbox, type SandboxPlan } from '../sessions/plan-sandbox.ts'
import { isNobodysChoice } from '../sessions/workspace-directory.ts'
import type { Settings } from '../settings.ts'
import { attempt } from './backend-facts.ts'

interface Foretold {
  /** Undefined where none can be made. */
  readonly plan: SandboxPlan | undefined
  /** Those of the settings, too. */
  readonly problems: readonly SandboxError[]
}

export function foretell({ settings, filesRead, ...resolved }: Resolved): Foretold {
  const problems = [...resolved.problems]
  const plan = planned(settings, problems)
  attempt(() => {
    const workspace = settings.workspace?.path ?? process.cwd()
    const files = rulingFiles(settings, filesRead)
    if (!isNobodysChoice(workspace)) refuseFilesIn(workspace, files)
    for (const { host, writable } of plan?.binds ?? []) if (writable) refuseFilesIn(host, files)
  }, problems)
  return { plan, problems }
}

/** Without the binds where those are refused: the rest is told all the same. */
function planned(settings: Settings, problems: SandboxError[]): SandboxPlan | undefined {
  const refused: SandboxError[] = []
  const plan = attempt(() => foretellSandbox(settings), refused)
  const isTold = ({ setting }: SandboxError) =>
    setting !== undefined && problems.some((problem) => problem.setting === setting)
  problems.push(...refused.filter((problem) => !isTold(problem)))
  if (plan !== undefined || !refused.some(({ setting }) => setting === 'docker.binds')) return plan
  return attempt(
    () => foretellSandbox({ ...settings, docker: { ...settings.docker, binds: [] } }),
    [],
  )
}
