/** Whether a session's tools run in a sandbox, or on the host as they are. Pure. */
import type { BackendKind } from '../sandbox.ts'
import type { Settings } from '../settings.ts'

/** The session of a client that names none; with mode `non-main` it has no sandbox. */
export const mainSession = 'main'

export function isSandboxed({ mode, session }: Pick<Settings, 'mode' | 'session'>): boolean {
  switch (mode) {
    case 'all':
      return true
    case 'off':
      return false
    case 'non-main':
      return session !== mainSession
  }
}

/** The backend that the session's calls land on: the one of the settings, or the host itself. */
export function backendOf(
  settings: Pick<Settings, 'mode' | 'session' | 'backend'>,
): BackendKind | 'auto' {
  return isSandboxed(settings) ? settings.backend : 'host'
}
