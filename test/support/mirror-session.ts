/** Sessions whose workspace is mirrored into a sandbox of the OpenShell double. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import type { Settings } from '../../src/settings.ts'
import { type OpenShellDouble, startOpenShellDouble } from './openshell/double.ts'
import { type OpenOptions, openSession, type TestSession } from './sandbox-session.ts'

export interface MirrorServer {
  readonly double: OpenShellDouble
  open(options?: OpenOptions): Promise<TestSession>
  close(): Promise<void>
}

/** `mode` is OpenShell's: with `remote` the workspace is a copy. */
export async function startMirrorServer(
  mode: 'mirror' | 'remote' = 'mirror',
): Promise<MirrorServer> {
  const double = await startOpenShellDouble()
  return {
    double,
    open: (options) => openSession({ settings: openShellSettings(double, mode) }, options),
    close: () => double.close(),
  }
}

/** The settings of a server that uses `double`, whose environment is in a wrapper of its command. */
function openShellSettings(double: OpenShellDouble, mode: 'mirror' | 'remote'): Partial<Settings> {
  const command = join(double.state, 'openshell-here')
  const variables = Object.entries(double.env).map(([name, value]) => `export ${name}='${value}'`)
  writeFileSync(
    command,
    ['#!/bin/sh', ...variables, `exec '${double.command}' "$@"`, ''].join('\n'),
  )
  chmodSync(command, 0o755)
  return { backend: 'openshell', openshell: { ...openShellDefaults, mode, command } }
}
