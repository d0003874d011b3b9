/**
 * The openshell backend against a real gateway and the real command, where somebody runs a gateway:
 * OPENSHELL_TEST_GATEWAY is its URL. Its default image needs what the gateway itself asks for, and python3.
 */
import { describe, vi } from 'vitest'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { OpenShellBackend } from '../../src/backends/openshell.ts'
import { describeBackend } from '../contract/backend.ts'
import { realProgram } from '../support/openshell/argument-table.ts'

// A sandbox is a container there, and its deletion stops that first.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const { OPENSHELL_TEST_GATEWAY: gatewayEndpoint } = process.env

describe.skipIf(!gatewayEndpoint)('OpenShell itself (OPENSHELL_TEST_GATEWAY)', () => {
  const make = () =>
    new OpenShellBackend({
      ...openShellDefaults,
      command: realProgram('0.0.111'),
      gatewayEndpoint: gatewayEndpoint ?? '',
    })
  describeBackend(
    'OpenShell',
    async () => ({
      backend: make(),
      other: make(),
      end: (name) => make().remove(name, new AbortController().signal),
    }),
    { unconfined: 'OpenShell has walls of its own, and mounts nothing of the host' },
  )
})
