/** Which sandbox a session's calls land in: its keys, and the name made from them. Pure. */
import { createHash } from 'node:crypto'
import type { ServerProcess } from '../sandbox.ts'
import type { Settings } from '../settings.ts'

/** Letters that are legal in the names of every engine, and hard to misread. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** Names a session of an agent. An agent's id holds no colon, so that two never have one key. */
export function sessionKey({ agent, session }: Pick<Settings, 'agent' | 'session'>): string {
  return `agent:${agent}:${session}`
}

/**
 * What has to be the same for two sessions to share a sandbox, as OpenClaw writes it. The workspace is
 * in it in every scope, also in `shared`: projects have no sandbox in common. `workspace` is a real
 * path. What follows it is fixed in form, so that no session's name can stand for another key.
 */
export function scopeKey(
  settings: Pick<Settings, 'scope' | 'agent' | 'session'>,
  workspace: string,
): string {
  return `${scopeName(settings)}:workspace:${sha256(workspace).slice(0, 32)}`
}

/** What follows the scope key of a sandbox that ends with its server. */
export const ephemeralScope = ({ pid, started }: ServerProcess) => `server:${pid}:${started}`

/** The server that the sandbox with that scope key ends with, if it is one that does. */
export function serverOfScope(key: string): ServerProcess | undefined {
  const [, pid, started] = /:server:(\d+):(\d*)$/.exec(key) ?? []
  return started === undefined ? undefined : { pid: Number(pid), started }
}

/** The scope key without the workspace. */
function scopeName(settings: Pick<Settings, 'scope' | 'agent' | 'session'>): string {
  switch (settings.scope) {
    case 'shared':
      return 'shared'
    case 'agent':
      return `agent:${settings.agent}`
    case 'session':
      return sessionKey(settings)
  }
}

/** Names the private workspace of a scope where nobody chose a directory: legal as a file's name. */
export function privateKey(settings: Pick<Settings, 'scope' | 'agent' | 'session'>): string {
  // No agent's id begins with that sign.
  if (settings.scope === 'shared') return '@shared'
  if (settings.scope === 'agent') return settings.agent
  return `@session-${sha256(sessionKey(settings)).slice(0, 32)}`
}

/** `sbx-` and 15 base-32 characters: legal on Docker, SSH and OpenShell, and the same on each start. */
export function sandboxName(installation: string, key: string): string {
  const digest = createHash('sha256').update(`${installation}\0${key}`).digest()
  let name = ''
  let bits = 0n
  for (const byte of digest.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte)
  for (let at = 0; at < 15; at++) {
    name += alphabet[Number(bits & 31n)]
    bits >>= 5n
  }
  return `sbx-${name}`
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
