/** The error of settings that are refused. */
import { expect } from 'vitest'
import { refuseProblems } from '../../src/config/judge.ts'
import { isSandboxError, type SandboxError } from '../../src/errors.ts'
import { type Given, resolved } from './resolved.ts'

/** Stands for something that must not be in any message. */
export const secret = 's3kr1t'

/** The error that a server ends with. Fails where a secret is in it. */
export async function refusal(args: readonly string[], given: Given = {}): Promise<SandboxError> {
  const error = await resolved(args, given)
    .then(({ settings, problems }) => {
      refuseProblems(problems)
      return expect.unreachable(`resolved to ${JSON.stringify(settings)}`)
    })
    .catch((thrown: unknown) => thrown)
  if (!isSandboxError(error, 'CONFIG_INVALID')) throw error
  expect(`${error.message}${error.hint}`).not.toContain(secret)
  expect(error.hint).not.toBe('')
  return error
}

/** A file with `text`, on its third line, in the sandbox of all agents. */
export const inSandbox = (text: string) =>
  `{\n  agents: { defaults: { sandbox: {\n    ${text}\n  } } },\n}`
