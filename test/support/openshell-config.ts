/** A person's own settings file, by which the built command uses the OpenShell double. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { OpenShellDouble } from './openshell/double.ts'
import { openShellSettings } from './openshell-settings.ts'
import type { World } from './stdio-server.ts'

/** Puts it where the command finds it by itself. */
export function configureOpenShell(
  { env }: World,
  double: OpenShellDouble,
  mode: 'mirror' | 'remote',
): void {
  const command = openShellSettings(double, mode).openshell?.command
  const sandbox = { mode: 'all', backend: 'openshell', workspaceAccess: 'rw' }
  const openshell = { enabled: true, config: { command, mode } }
  const file = join(env.HOME ?? '', '.config', 'sandbox-mcp', 'config.json5')
  mkdirSync(dirname(file), { recursive: true })
  const text = { agents: { defaults: { sandbox } }, plugins: { entries: { openshell } } }
  writeFileSync(file, JSON.stringify(text))
}
