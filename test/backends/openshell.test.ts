/** The openshell backend against the double of OpenShell: an old, a middle and a new release. */

import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { vi } from 'vitest'
import { OpenShellBackend } from '../../src/backends/openshell.ts'
import { describeBackend } from '../contract/backend.ts'
import { describeWhere } from '../support/available.ts'
import { startOpenShellDouble } from '../support/openshell/double.ts'

// A sandbox takes a few processes, and a call of the command some tenths of a second.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describeWhere('openshell-double', 'OpenShell', () => {
  for (const version of ['0.0.87', '0.0.105', '0.1.0']) {
    describeBackend(
      `OpenShell ${version}`,
      async () => {
        const double = await startOpenShellDouble({ version })
        const settings = { ...openShellDefaults, command: double.command }
        const environment = { ...process.env, ...double.env }
        const backend = new OpenShellBackend(settings, environment)
        return {
          backend,
          other: new OpenShellBackend(settings, environment),
          end: async (name) => {
            await new OpenShellBackend(settings, environment).remove(
              name,
              new AbortController().signal,
            )
          },
          close: () => double.close(),
        }
      },
      {
        unconfined: 'OpenShell has walls of its own, and mounts nothing of the host',
      },
    )
  }
})
