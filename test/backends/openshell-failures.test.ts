/** What OpenShell says when something fails, and what is told instead: every row of the table. */
import { describe, expect, test } from 'vitest'
import { type FailureKind, failureOf, failureRows } from '../../src/backends/openshell/failures.ts'
import { readable } from '../../src/backends/openshell/readable-text.ts'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'

const grpc = (code: string, message: string) =>
  `\x1b[31mError:\x1b[0m   × code: '${code}', message: "${message}"\n`

/** As the command prints it, and what it becomes. */
const said: readonly (readonly [string, FailureKind, string])[] = [
  [grpc('Some requested entity was not found', 'sandbox not found'), 'absent', 'SANDBOX_LOST'],
  ['Error:   × status: NotFound, message: "sandbox not\n  │ found"\n', 'absent', 'SANDBOX_LOST'],
  [
    "Error:   × sandbox 'sbx-\n  │ aaaaaaaaaaaaaaa' already exists\n  │ \n  │ hint: delete it first\n",
    'exists',
    'SANDBOX_START_FAILED',
  ],
  [
    'Error:   × sandbox must be Stopped to start (current phase: Starting)\n',
    'phase',
    'SANDBOX_START_FAILED',
  ],
  [
    grpc('Some resource has been exhausted', 'sandbox SSH connection limit reached'),
    'passing',
    'BACKEND_UNAVAILABLE',
  ],
  [
    grpc('Some resource has been exhausted', 'SSH session connection limit reached'),
    'passing',
    'BACKEND_UNAVAILABLE',
  ],
  ['Error:   × sandbox is not ready\n', 'passing', 'BACKEND_UNAVAILABLE'],
  [
    grpc('The service is currently unavailable', 'supervisor relay failed: not connected'),
    'passing',
    'BACKEND_UNAVAILABLE',
  ],
  ['Error:   × database is locked\n', 'passing', 'SANDBOX_START_FAILED'],
  [
    grpc('Some resource has been exhausted', 'gRPC rate limit exceeded'),
    'passing',
    'SANDBOX_START_FAILED',
  ],
  [
    grpc(
      'The operation was aborted',
      'delete sandbox failed due to concurrent modification (current resource_version: 4)',
    ),
    'passing',
    'SANDBOX_START_FAILED',
  ],
  [
    'Error:   × No active gateway.\n  │ Set one with: openshell gateway select <name>\n',
    'lasting',
    'BACKEND_UNAVAILABLE',
  ],
  [
    "Error:   × Unknown gateway 'nope'.\n  │ Register it first: openshell gateway add <endpoint>\n",
    'lasting',
    'CONFIG_INVALID',
  ],
  [
    grpc('Some requested entity was not found', "workspace 'team' not found"),
    'lasting',
    'CONFIG_INVALID',
  ],
  [
    grpc(
      'The request does not have valid authentication credentials',
      'missing authorization header',
    ),
    'lasting',
    'BACKEND_UNAVAILABLE',
  ],
  [
    grpc(
      'The caller does not have permission to execute the specified operation',
      "not a member of workspace 'w'; ask a platform admin",
    ),
    'lasting',
    'BACKEND_UNAVAILABLE',
  ],
  [
    'Error:   × failed to read TLS CA from /home/u/.config/openshell/\n  │ gateways/g/mtls/ca.crt\n  ╰─▶ No such file or directory (os error 2)\n',
    'lasting',
    'BACKEND_UNAVAILABLE',
  ],
  [
    'Error:   × transport error\n  ├─▶ tcp connect error\n  ├─▶ tcp connect error\n  ╰─▶ Connection refused (os error 111)\n',
    'passing',
    'BACKEND_UNAVAILABLE',
  ],
  [
    'Error:   x transport error\n  |-> tcp connect error\n  `-> Connection refused (os error 111)\n',
    'passing',
    'BACKEND_UNAVAILABLE',
  ],
  [
    'Error:   × client error (Connect)\n  ╰─▶ tcp connect error\n',
    'passing',
    'BACKEND_UNAVAILABLE',
  ],
  [
    'Error:   × failed to read sandbox policy from /p.yaml\n  ╰─▶ No such file or directory\n',
    'lasting',
    'CONFIG_INVALID',
  ],
  [
    grpc(
      "The system is not in a state required for the operation's execution",
      "provider 'x' not found",
    ),
    'lasting',
    'CONFIG_INVALID',
  ],
  [
    "Error:   × provider 'x' not found and 'x' is not a\n  │ recognized provider type. Create it first with `openshell provider create`\n",
    'lasting',
    'CONFIG_INVALID',
  ],
  ['Error:   × local --from path does not exist: ./x\n', 'lasting', 'CONFIG_INVALID'],
  [
    'Error:   × sandbox entered error phase while provisioning: ImagePullFailed: no\n  │ such image\n',
    'lasting',
    'SANDBOX_START_FAILED',
  ],
  [
    'Error:   × sandbox provisioning stream ended before reaching\n  │ terminal phase\n',
    'passing',
    'SANDBOX_START_FAILED',
  ],
  [
    'Error:   × sandbox provisioning timed out after 290s. Last reported status:\n  │ ContainersNotReady: pulling\n',
    'lasting',
    'SANDBOX_START_FAILED',
  ],
  [
    grpc('Client specified an invalid argument', 'name exceeds maximum length (24 > 19)'),
    'lasting',
    'SANDBOX_START_FAILED',
  ],
]

const context = { call: 'sandbox get', name: 'sbx-aaaaaaaaaaaaaaa', settings: openShellDefaults }

test.each(said)('%j', (text, kind, code) => {
  const failure = failureOf(text, context)
  expect({ kind: failure.kind, code: failure.error.code }).toEqual({ kind, code })
})

test('every row is met by something that OpenShell says, and says where that was seen', () => {
  const texts = said.map(([text]) => readable(text))
  for (const row of failureRows) {
    const first = texts.some((text) => failureRows.find(({ match }) => match.test(text)) === row)
    expect({ seen: row.seen, isMet: first }).toEqual({ seen: row.seen, isMet: true })
    expect(row.seen).toMatch(/^0\.0\.\d+ to 0\.1\.x: ./)
  }
})

describe('what no row knows', () => {
  test('is passed on whole, in one line', () => {
    const text =
      'Error:   × the flux capacitor of the sandbox is not\n  │ charged\n  ├─▶ it was\n  │   unplugged\n  ╰─▶ by the cat\n'
    const { kind, error } = failureOf(text, context)
    expect(kind).toBe('lasting')
    expect(error).toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message:
        '"openshell sandbox get" failed: Error: the flux capacitor of the sandbox is not charged it was unplugged by the cat',
    })
  })

  test('and is not taken for a sandbox that is not there', () => {
    const near = ["workspace 'sandbox' not found", 'sandbox template not found', 'not found']
    for (const text of near) expect(failureOf(text, context).kind, text).not.toBe('absent')
  })

  test('is told about no sandbox where the call is about none', () => {
    const { error } = failureOf('', { ...context, name: '' })
    expect(error).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: '"openshell sandbox get" failed: it did not say why',
    })
  })
})

test('of what goes on for megabytes, the ends are read and told', () => {
  const log = `Error: it begins\n${'x\n'.repeat(1_000_000)}${'\n'.repeat(100_000)}`
  const context = { call: 'sandbox create', name: 'sbx-a', settings: openShellDefaults }
  const { message } = failureOf(`${log}  × it ends\n`, context).error
  expect(message).toMatch(/"openshell sandbox create" failed: Error: it begins .* it ends$/)
  expect(message.length).toBeLessThan(6_000)
  const { kind } = failureOf(`${log}${grpc('NotFound', 'sandbox not found')}`, context)
  expect(kind).toBe('absent')
})
