/** What was set and does nothing, because of another setting. */
import { shown } from '../errors.ts'
import { isSandboxed } from '../sessions/mode.ts'
import type { Settings } from '../settings.ts'
import type { Merged } from './merge.ts'
import { sourceText } from './source.ts'
import { misspelt } from './tool-policy.ts'

/** One line for each reason. */
export function withoutEffect({ origins }: Merged, settings: Settings): string[] {
  const { backend, mode, access } = settings
  const misnamed = (['allow', 'alsoAllow', 'deny'] as const).flatMap((list) => {
    const found = origins.get(`tools.${list}`)
    const names = Array.isArray(found?.value) ? found.value.map(String) : []
    return misspelt(names).map(
      ({ pattern, near }) =>
        `${shown(pattern)} in tools.${list} (${found && sourceText(found.source)}) is no tool here; did you mean ${shown(near)}?`,
    )
  })
  const given = [...origins].filter(([, { source }]) => source.kind !== 'default')
  const warn = (isMeant: (key: string, name: string) => boolean, because: string): string[] => {
    const keys = given.filter(([key, { source }]) => isMeant(key, source.name))
    if (keys.length === 0) return []
    const named = keys.map(([key, { source }]) => `${key} (${sourceText(source)})`)
    return [`${named.join(', ')} ${keys.length === 1 ? 'has' : 'have'} no effect: ${because}`]
  }
  if (!isSandboxed(settings)) {
    const because = `with mode ${mode} this session has no sandbox, and commands can change all that you can`
    return access === 'rw'
      ? misnamed
      : [...misnamed, ...warn((key) => key === 'workspaceAccess', because)]
  }
  // OpenShell refuses binds.
  const isDockers = (key: string) =>
    key.startsWith('docker.') &&
    !key.startsWith('docker.env.') &&
    !(backend === 'openshell' && key === 'docker.binds')
  const isByVolumes = origins.get('workspaceAccess')?.source.name === 'SANDBOX_VOLUMES'
  return [
    ...misnamed,
    ...(isByVolumes && access === 'none'
      ? warn(
          (key) => key === 'workspace',
          'SANDBOX_VOLUMES has mounts below /workspace and none at it; mount one there, or give --access rw',
        )
      : []),
    ...(backend === 'auto' || backend === 'docker'
      ? []
      : warn(
          // The flag means whichever backend there is.
          (key, name) => isDockers(key) && !(backend === 'bubblewrap' && name === '--network'),
          `the backend is ${backend}`,
        )),
    ...(backend === 'docker' || backend === 'bubblewrap'
      ? warn((key) => key.startsWith('sync.'), `nothing is copied with the backend ${backend}`)
      : []),
  ]
}
