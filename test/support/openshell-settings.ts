/** Settings for sandboxes of the OpenShell double. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import type { Settings } from '../../src/settings.ts'
import type { OpenShellDouble } from './openshell/double.ts'

/** The settings of a server that uses `double`, whose environment is in a wrapper of its command. */
export function openShellSettings(
  double: OpenShellDouble,
  mode: 'mirror' | 'remote',
): Partial<Settings> {
  const command = join(double.state, 'openshell-here')
  const variables = Object.entries(double.env).map(([name, value]) => `export ${name}='${value}'`)
  writeFileSync(
    command,
    ['#!/bin/sh', ...variables, `exec '${double.command}' "$@"`, ''].join('\n'),
  )
  chmodSync(command, 0o755)
  return { backend: 'openshell', openshell: { ...openShellDefaults, mode, command } }
}
