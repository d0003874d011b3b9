/** Sessions whose workspace is mirrored into a sandbox of the OpenShell double. */
import { type OpenShellDouble, startOpenShellDouble } from './openshell/double.ts'
import { openShellSettings } from './openshell-settings.ts'
import { type OpenOptions, openSession, type TestSession } from './sandbox-session.ts'

export interface MirrorServer {
  readonly double: OpenShellDouble
  open(options?: OpenOptions): Promise<TestSession>
  close(): Promise<void>
}

export async function startMirrorServer(): Promise<MirrorServer> {
  const double = await startOpenShellDouble()
  const settings = openShellSettings(double, 'mirror')
  return {
    double,
    open: (options) => openSession({ settings }, options),
    close: () => double.close(),
  }
}
