/** YAML as the program prints it, and policy files as it reads them. */
import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import type { Policy } from '../protocol.ts'
import { Failure } from './report.ts'

export const toYaml = (value: unknown): string => stringify(value)

const sections = [
  'version',
  'filesystem_policy',
  'landlock',
  'process',
  'network_policies',
  'network_middlewares',
]
const filesystemKeys = ['include_workdir', 'read_only', 'read_write']

/** From `--policy`, else from the environment; unknown keys are refused. */
export function loadPolicy(path: string | undefined): Policy | undefined {
  const file = path ?? process.env.OPENSHELL_SANDBOX_POLICY
  if (file === undefined || file === '') return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why =
      code === 'EACCES'
        ? 'Permission denied (os error 13)'
        : 'No such file or directory (os error 2)'
    throw new Failure(`failed to read sandbox policy from ${file}`, [why])
  }
  const malformed = (why: string) => new Failure('failed to parse sandbox policy YAML', [why])
  let policy: Policy
  try {
    policy = parse(text)
  } catch (error) {
    throw malformed((error as Error).message.split('\n')[0] ?? '')
  }
  if (typeof policy !== 'object' || policy === null) throw malformed('invalid type: expected a map')
  const unknown = (value: object, known: readonly string[]) =>
    Object.keys(value).find((key) => !known.includes(key))
  const stray = unknown(policy, sections) ?? unknown(policy.filesystem_policy ?? {}, filesystemKeys)
  if (stray !== undefined) {
    throw malformed(
      `unknown field \`${stray}\`, expected one of ${sections.map((key) => `\`${key}\``).join(', ')}`,
    )
  }
  if (policy.version === undefined) throw malformed('missing field `version`')
  return policy
}
