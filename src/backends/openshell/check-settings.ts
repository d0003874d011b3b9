/** Whether what a person set about OpenShell can be used. */
import { statSync } from 'node:fs'
import { isAbsolute, posix } from 'node:path'
import { configInvalid, shown } from '../../errors.ts'
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
  const { mode, command, from, gateway, gatewayEndpoint, workspace, policy, timeoutSeconds } =
    settings
  if (mode !== 'mirror' && mode !== 'remote') {
    throw invalid('mode', mode, 'Write "mirror" or "remote".')
  }
  requireText('command', command)
  requireWord('from', from)
  requireWord('gateway', gateway)
  if (gatewayEndpoint !== undefined && !isHttpUrl(gatewayEndpoint)) {
    throw invalid(
      'gatewayEndpoint',
      gatewayEndpoint,
      'Write a URL such as http://127.0.0.1:8080, without a user name: every user here sees it.',
    )
  }
  if (
    workspace !== undefined &&
    !(workspace.length <= 19 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(workspace))
  ) {
    throw invalid(
      'workspace',
      workspace,
      'Write 1 to 19 of a-z, 0-9 and single hyphens, which are not at its ends.',
    )
  }
  if (policy !== undefined) requirePolicy(policy)
  const roots = {
    remoteWorkspaceDir: root('remoteWorkspaceDir', settings.remoteWorkspaceDir),
    remoteAgentWorkspaceDir: root('remoteAgentWorkspaceDir', settings.remoteAgentWorkspaceDir),
  }
  if (overlap(roots.remoteWorkspaceDir, roots.remoteAgentWorkspaceDir)) {
    throw invalid(
      'remoteAgentWorkspaceDir',
      settings.remoteAgentWorkspaceDir,
      `Write a directory that is neither in ${roots.remoteWorkspaceDir} (remoteWorkspaceDir) nor around it.`,
    )
  }
  if (!(timeoutSeconds >= 1 && timeoutSeconds <= maxTimeoutSeconds)) {
    throw invalid(
      'timeoutSeconds',
      timeoutSeconds,
      `Write a number from 1 to ${maxTimeoutSeconds}; the default is 120.`,
    )
  }
  return { ...settings, ...roots, providers: providersOf(settings.providers) }
}

function providersOf(providers: readonly string[]): readonly string[] {
  const once = [...new Set(providers)]
  for (const provider of once) requireWord('providers', provider)
  if (once.length <= maxProviders) return once
  throw invalid('providers', once.length, `Name at most ${maxProviders} providers.`)
}

function requirePolicy(policy: string): void {
  if (!isAbsolute(policy)) throw invalid('policy', policy, 'Write the absolute path of a file.')
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
  const path = posix.normalize(value).replace(/(.)\/+$/, '$1')
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
  )
}
