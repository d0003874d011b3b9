/**
 * What the OpenShell command says when it could not do what was asked, and what that means: its errors
 * are text only. What no row matches is passed on whole.
 */
import {
  backendUnavailable,
  configInvalid,
  type SandboxError,
  sandboxLost,
  sandboxStartFailed,
  shown,
} from '../../errors.ts'
import { readable } from './readable-text.ts'
import type { OpenShellSettings } from './settings.ts'

export type FailureKind =
  /** There is no sandbox of that name. */
  | 'absent'
  /** There is one already. */
  | 'exists'
  /** It is in a phase in which it cannot be started, as somebody else was first. */
  | 'phase'
  /** It may go by itself: the same call may work in a moment. */
  | 'passing'
  /** It stays until somebody acts. */
  | 'lasting'

export interface Failure {
  readonly kind: FailureKind
  readonly error: SandboxError
}

/** What the call was about. */
export interface FailureContext {
  /** The words of the subcommand. */
  readonly call: string
  /** The sandbox, or '' for a call about none. */
  readonly name: string
  readonly settings: OpenShellSettings
}

interface FailureRow {
  /** The releases and the situation in which it is said. */
  readonly seen: string
  readonly match: RegExp
  readonly kind: FailureKind
  error(context: FailureContext, text: string): SandboxError
}

const config = 'plugins.entries.openshell.config'

/** In order: what is precise comes before what merely goes with it. */
export const failureRows: readonly FailureRow[] = [
  {
    seen: '0.0.68 to 0.1.x: get, start, delete and ssh-proxy of a sandbox that is not there; also as `status: NotFound`',
    match: /\bsandbox not found\b/i,
    kind: 'absent',
    error: ({ name }) => sandboxLost(name, 'OpenShell has no sandbox of that name any more'),
  },
  {
    seen: '0.0.68 to 0.1.x: create with a name that is taken, also by one that is being deleted',
    match: /sandbox '[^']*' already exists|\bsandbox already exists\b/i,
    kind: 'exists',
    error: ({ name }) =>
      sandboxStartFailed(
        `OpenShell has a sandbox ${name} already, and does not show it`,
        `Run "openshell sandbox delete ${name}", then call again.`,
      ),
  },
  {
    seen: '0.0.105 to 0.1.x: start of a sandbox that is not stopped',
    match: /sandbox must be Stopped to start/i,
    kind: 'phase',
    error: (context, text) => untold(context, text),
  },
  {
    seen: '0.0.68 to 0.1.x: ssh-proxy with 20 connections to the sandbox, or 3 with the token',
    match: /SSH(?: session)? connection limit reached/i,
    kind: 'passing',
    error: ({ name }) =>
      backendUnavailable(
        `sandbox ${name} has as many SSH connections as OpenShell allows (20), and none became free`,
        'End other connections to it ("openshell sandbox connect", editors, other servers), then call again.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: ssh-proxy while the sandbox is not Ready, as after a restart of the gateway',
    match: /sandbox(?: '[^']*')? is not ready/i,
    kind: 'passing',
    error: ({ name }) =>
      backendUnavailable(
        `sandbox ${name} is not ready`,
        `Look with "openshell sandbox get ${name}" what it is doing, then call again.`,
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: ssh-proxy while the supervisor is not connected to the gateway',
    match: /supervisor relay failed|relay (?:open|channel)\b.*timed out/i,
    kind: 'passing',
    error: ({ name }, text) =>
      backendUnavailable(
        `OpenShell does not reach into sandbox ${name}: ${text}`,
        `Look with "openshell logs ${name}" whether its supervisor runs, then call again.`,
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: delete while the gateway writes its database',
    match: /database is locked/i,
    kind: 'passing',
    error: (context, text) => untold(context, text),
  },
  {
    seen: '0.0.68 to 0.1.x: any call that meets another about the same sandbox, or is one too many for now',
    match:
      /concurrent(?:ly)? modifi|modified concurrently|persist ssh session failed|sandbox (?:lifecycle|name) changed (?:while|before)|gRPC rate limit exceeded/i,
    kind: 'passing',
    error: (context, text) => untold(context, text),
  },
  {
    seen: '0.0.68 to 0.1.x: no gateway was ever registered or chosen',
    match: /No active gateway\b/i,
    kind: 'lasting',
    error: () =>
      backendUnavailable(
        'OpenShell has no active gateway',
        `Run "openshell gateway add URL" or "openshell gateway select NAME", or set ${config}.gateway.`,
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: a gateway name that is not registered',
    match: /Unknown gateway '[^']*'/i,
    kind: 'lasting',
    error: ({ settings }, text) =>
      configInvalid(
        `${settings.gateway === undefined ? 'the gateway' : `${config}.gateway ${shown(settings.gateway)}`} is not registered with OpenShell: ${text}`,
        'Run "openshell gateway list" and name one of those, or register it with "openshell gateway add URL --name NAME".',
      ),
  },
  {
    seen: '0.0.88 to 0.1.x: a control-plane workspace that is not there',
    match: /workspace '[^']*' not found/i,
    kind: 'lasting',
    error: (_context, text) =>
      configInvalid(
        `OpenShell does not have that workspace: ${text}`,
        `Make it with "openshell workspace create --name NAME", or change ${config}.workspace.`,
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: the gateway wants a login',
    match:
      /missing authorization header|missing client certificate|authentication required|does not have valid authentication credentials|credentials are missing|token refresh failed/i,
    kind: 'lasting',
    error: (_context, text) =>
      backendUnavailable(
        `the OpenShell gateway does not know who is calling: ${text}`,
        'Run "openshell gateway login", then call again.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: the gateway knows who is calling and says no',
    match:
      /not a member of workspace|workspace role '[^']*' required|platform admin role required|does not have permission to execute/i,
    kind: 'lasting',
    error: (_context, text) =>
      backendUnavailable(
        `the OpenShell gateway does not allow it: ${text}`,
        'Ask an administrator of the gateway for access, or use another workspace.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: https without client certificates',
    match:
      /TLS CA is required|TLS client (?:cert|key) is required|failed to read TLS (?:CA|client)/i,
    kind: 'lasting',
    error: (_context, text) =>
      backendUnavailable(
        `the OpenShell gateway wants certificates that this machine does not have: ${text}`,
        'Register the gateway with "openshell gateway add URL", which says where they go.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: any call while the gateway is down or cannot be reached',
    match:
      /failed to connect to gateway|transport error|client error \(Connect\)|tcp connect error|Connection refused/i,
    kind: 'passing',
    error: ({ settings }, text) =>
      backendUnavailable(
        `the OpenShell gateway${settings.gatewayEndpoint === undefined ? '' : ` at ${settings.gatewayEndpoint}`} does not answer: ${text}`,
        'Start the gateway, and check it with "openshell status", then call again.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: create with a policy that cannot be read or parsed, or that the gateway refuses',
    match: /failed to (?:read|parse) sandbox policy|policy contains unsafe content/i,
    kind: 'lasting',
    error: ({ settings }, text) =>
      configInvalid(
        `the policy ${shown(settings.policy ?? 'in OPENSHELL_SANDBOX_POLICY')} cannot be used: ${text}`,
        `Correct that file, or change ${config}.policy.`,
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: create with a provider that the gateway does not have',
    match: /provider '[^']*' not found/i,
    kind: 'lasting',
    error: (_context, text) =>
      configInvalid(
        `a provider of ${config}.providers is missing: ${text}`,
        'Make it with "openshell provider create", or take it out of the list.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: create from a path that is not there',
    match: /local --from path does not exist/i,
    kind: 'lasting',
    error: ({ settings }, text) =>
      configInvalid(
        `${config}.from ${shown(settings.from ?? '')} cannot be used: ${text}`,
        'Write a community name, an image, or the path of a Dockerfile.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: create from an image that cannot be had',
    match: /ImagePullFailed|is not present locally and image_pull_policy=Never/i,
    kind: 'lasting',
    error: ({ settings }, text) =>
      sandboxStartFailed(
        `the image of the sandbox${settings.from === undefined ? '' : `, ${shown(settings.from)},`} cannot be had: ${text}`,
        `Pull or build it where the gateway runs, or change ${config}.from.`,
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: create while the gateway is restarted or goes away',
    match: /sandbox provisioning stream ended/i,
    kind: 'passing',
    error: ({ name }, text) =>
      sandboxStartFailed(
        `OpenShell was cut off from its gateway before sandbox ${name} was ready: ${text}`,
        'Check with "openshell status" that the gateway answers, then call again.',
      ),
  },
  {
    seen: '0.0.68 to 0.1.x: create of a sandbox that ended or never became ready',
    match: /entered error phase while provisioning|sandbox provisioning timed out/i,
    kind: 'lasting',
    error: ({ name }, text) =>
      sandboxStartFailed(
        `sandbox ${name} did not get ready: ${text}`,
        'Check the image and the policy, and see the log of the gateway, then call again.',
      ),
  },
  {
    seen: '0.0.88 to 0.1.x: create with a name or a label that the gateway does not take',
    match: /name exceeds maximum length|name must (?:contain|not)|label (?:key|value)\b/i,
    kind: 'lasting',
    error: (context, text) => untold(context, text),
  },
]

/** What the command said, read by the table. `text` is what it wrote, as it wrote it. */
export function failureOf(text: string, context: FailureContext): Failure {
  const said = readable(text)
  const row = failureRows.find(({ match }) => match.test(said))
  if (row === undefined) return { kind: 'lasting', error: untold(context, said) }
  return { kind: row.kind, error: row.error(context, said) }
}

/** For what no row knows, or what is told as it is. */
function untold({ call, name }: FailureContext, text: string): SandboxError {
  const words = `"openshell ${call}" failed: ${text || 'it did not say why'}`
  if (name === '') return backendUnavailable(words, 'Check OpenShell with "openshell status".')
  return sandboxStartFailed(words, `Look with "openshell sandbox get ${name}", then call again.`)
}
