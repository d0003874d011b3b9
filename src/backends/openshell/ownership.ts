/** Whose sandbox it is that has a name which is ours to give. */
import { sandboxStartFailed } from '../../errors.ts'
import type { SandboxSpec } from '../../sandbox.ts'
import type { SandboxFacts } from './facts.ts'
import { installationLabel } from './labels.ts'

/** Throws `SANDBOX_START_FAILED` unless the installation of `spec` made it. */
export function refuseForeign({ name, labels }: SandboxFacts, spec: SandboxSpec): void {
  const owner = labels[installationLabel]
  if (owner === spec.installation) return
  throw sandboxStartFailed(
    `OpenShell has a sandbox ${name} that ${owner === undefined ? 'was not made by this server' : `belongs to another installation (${owner})`}; it is left alone`,
    'Remove it there, or use another agent or session name, or another OpenShell workspace.',
  )
}

/** Throws `SANDBOX_START_FAILED` unless a server of this kind made it. */
export function refuseUnlabelled({ name, labels }: SandboxFacts): void {
  if (labels[installationLabel] !== undefined) return
  throw sandboxStartFailed(
    `sandbox ${name} was not made by this server; it is left alone`,
    `Delete it yourself if it is not needed: "openshell sandbox delete ${name}".`,
  )
}
