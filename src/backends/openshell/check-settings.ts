/** Whether what a person set about OpenShell can be used. */
import { statSync } from 'node:fs'
import { isAbsolute, posix } from 'node:path'
import { configInvalid, shown } from '../../errors.ts'
import { cleanRoot } from './roots.ts'
import type { OpenShellSettings } from './settings.ts'

const prefix = 'plugins.entries.openshell.config'
/** The gateway refuses sandboxes with more. */
const maxProviders = 32
/** Timers of Node hold no more than this, and nobody waits for longer. */
const maxTimeoutSeconds = 86_400

/**
 * The settings as they are used: paths normalised, each provider once. `CONFIG_INVALID` names the first
 * key that cannot be used, its value, and what to write instead. Looks at the host only for the policy.
 */
export function checkOpenShellSettings(settings: OpenShellSettings): OpenShellSettings {
  for (const check of checks) check(settings)
  return { ...settings, ...rootsOf(settings), providers: providersOf(settings) }
}

/** Each judges what belongs together, and throws for the first of it. */
export const checks: readonly ((settings: OpenShellSettings) => void)[] = [
  ({ mode }) => {
    if (mode === 'mirror' || mode === 'remote') return
    throw invalid('mode', mode, 'Write "mirror" or "remote".')
  },
  ({ command }) => requireText('command', command),
  ({ from }) => requireWord('from', from),
  ({ gateway }) => requireWord('gateway', gateway),
  ({ gatewayEndpoint: url }) => {
    if (url === undefined || isHttpUrl(url)) return
    throw invalid(
      'gatewayEndpoint',
      url,
      'Write a URL such as http://127.0.0.1:8080, without a user name: every user here sees it.',
    )
  },
  ({ workspace: name }) => {
    if (name === undefined || /^(?=.{1,19}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return
    throw invalid(
      'workspace',
      name,
      'Write 1 to 19 of a-z, 0-9 and single hyphens, which are not at its ends.',
    )
  },
  ({ policy }) => {
    if (policy !== undefined) requirePolicy(policy)
  },
  rootsOf,
  ({ timeoutSeconds }) => {
    if (timeoutSeconds >= 1 && timeoutSeconds <= maxTimeoutSeconds) return
    throw invalid(
      'timeoutSeconds',
      timeoutSeconds,
      `Write a number from 1 to ${maxTimeoutSeconds}; the default is 120.`,
    )
  },
  providersOf,
]

function rootsOf(settings: OpenShellSettings) {
  const roots = {
    remoteWorkspaceDir: root('remoteWorkspaceDir', settings.remoteWorkspaceDir),
    remoteAgentWorkspaceDir: root('remoteAgentWorkspaceDir', settings.remoteAgentWorkspaceDir),
  }
  if (!overlap(roots.remoteWorkspaceDir, roots.remoteAgentWorkspaceDir)) return roots
  throw invalid(
    'remoteAgentWorkspaceDir',
    settings.remoteAgentWorkspaceDir,
    `Write a directory that is neither in ${roots.remoteWorkspaceDir} (remoteWorkspaceDir) nor around it.`,
  )
}

function providersOf({ providers }: OpenShellSettings): readonly string[] {
  const once = [...new Set(providers)]
  for (const provider of once) requireWord('providers', provider)
  if (once.length <= maxProviders) return once
  throw invalid('providers', once.length, `Name at most ${maxProviders} providers.`)
}

function requirePolicy(policy: string): void {
  if (!isAbsolute(policy)) {
    throw invalid(
      'policy',
      policy,
      'Write the absolute path of a file, or one that begins with ~/: a server starts in many directories.',
    )
  }
  let reason = 'it is not a file'
  try {
    if (statSync(policy).isFile()) return
  } catch (error) {
    reason = (error as NodeJS.ErrnoException).code ?? String(error)
  }
  throw invalid('policy', policy, `Write the path of a policy file that is there (${reason}).`)
}

/** One word on the command line that cannot be taken for a flag. */
function requireWord(key: string, value: string | undefined): void {
  if (value === undefined) return
  requireText(key, value)
  if (value.startsWith('-')) throw invalid(key, value, 'Write a name that begins with no hyphen.')
}

function requireText(key: string, value: string): void {
  if (value.trim() === '') throw invalid(key, value, 'Write a value, or leave the key out.')
  if (value.includes('\0')) throw invalid(key, value, 'Write it without NUL bytes.')
}

/** What OpenShell's policies let sandboxes write: `/sandbox` or `/agent`, or below one of them. */
function root(key: string, value: string): string {
  const path = cleanRoot(value)
  if (posix.isAbsolute(value) && !value.includes('\0') && /^\/(sandbox|agent)(\/|$)/.test(path)) {
    return path
  }
  throw invalid(key, value, 'Write an absolute path: /sandbox, /agent, or one below them.')
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)
}

function isHttpUrl(value: string): boolean {
  try {
    const { protocol, username, password } = new URL(value)
    return ['http:', 'https:'].includes(protocol) && `${username}${password}` === ''
  } catch {
    return false
  }
}

function invalid(key: string, value: unknown, fix: string) {
  return configInvalid(
    `${prefix}.${key} is ${typeof value === 'string' ? shown(value) : JSON.stringify(value)}, which cannot be used`,
    fix,
    `openshell.${key}`,
  )
}
