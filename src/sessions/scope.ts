/** Which sandbox a session's calls land in: its scope key, and the name made from it. */
import { createHash } from 'node:crypto'

/** Letters that are legal in the names of every engine, and hard to misread. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** Scope `agent`: one sandbox per agent and workspace, as OpenClaw's default has it. */
export function agentScopeKey(agent: string, workspace: string): string {
  const digest = createHash('sha256').update(workspace).digest('hex').slice(0, 32)
  return `agent:${agent}:workspace:${digest}`
}

/** `sbx-` and 15 base-32 characters: legal on Docker, SSH and OpenShell, and the same on each start. */
export function sandboxName(installation: string, scopeKey: string): string {
  const digest = createHash('sha256').update(`${installation}\0${scopeKey}`).digest()
  let name = ''
  let bits = 0n
  for (const byte of digest.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte)
  for (let at = 0; at < 15; at++) {
    name += alphabet[Number(bits & 31n)]
    bits >>= 5n
  }
  return `sbx-${name}`
}
