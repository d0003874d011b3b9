/** The settings of a server from the values that were put together, and what cannot be together. */
import { configInvalid, shown } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Merged } from './merge.ts'
import { sourceText } from './source.ts'
import type { Values } from './values.ts'

/** All that has a default has a value: the defaults are the first of the sources. */
type Complete = Values &
  Required<Pick<Values, 'agent' | 'session' | 'ephemeral' | 'toolPrefix' | 'outputCharacters'>> &
  Required<Pick<Values, 'mode' | 'backend' | 'scope' | 'workspaceAccess'>> &
  Pick<Settings, 'docker' | 'bubblewrap' | 'openshell' | 'sync' | 'prune'>

/** `home` stands for `~` in paths on the host. `CONFIG_INVALID` for what cannot be together. */
export function settingsFrom({ values, origins }: Merged, home: string): Settings {
  const all = values as Complete
  const { workspace, workspaceRoot, tools, ssh, bubblewrap } = all
  // A map without entries leaves no trace in `values`.
  const docker = { ...all.docker, env: all.docker.env ?? {}, ulimits: all.docker.ulimits ?? {} }
  const { enabled, ...openshell } = all.openshell
  const origin = (key: string) => {
    const found = origins.get(key)
    return found === undefined ? 'default' : sourceText(found.source)
  }
  refuseNetwork(docker.network, docker.dangerouslyAllowContainerNamespaceJoin)
  if (all.backend === 'openshell' && enabled === false) {
    throw configInvalid(
      `the backend openshell (${origin('backend')}) is forbidden (${origin('openshell.enabled')})`,
      'Set plugins.entries.openshell.enabled to true, or choose another backend.',
    )
  }
  if (all.backend === 'openshell' && docker.binds.length > 0) {
    throw configInvalid(
      `docker.binds (${origin('docker.binds')}) cannot be had with the backend openshell: it mounts nothing of the host`,
      'Leave them out, or choose the backend docker.',
    )
  }
  if (all.backend === 'ssh' && ssh?.target === undefined) {
    throw configInvalid(
      `the backend ssh (${origin('backend')}) needs a host, and none is named`,
      'Set ssh.target in the file, or --set ssh.target=user@host.',
    )
  }
  return {
    workspace:
      workspace === undefined
        ? undefined
        : { path: atHome(workspace, home), source: origin('workspace') },
    workspaceRoot: workspaceRoot === undefined ? undefined : atHome(workspaceRoot, home),
    access: all.workspaceAccess,
    mode: all.mode,
    scope: all.scope,
    backend: all.backend,
    docker,
    bubblewrap,
    ssh: ssh?.target === undefined ? undefined : { ...ssh, target: ssh.target },
    openshell,
    sync: all.sync,
    prune: all.prune,
    tools: {
      allow: tools?.allow && [...tools.allow, ...(tools.alsoAllow ?? [])],
      deny: tools?.deny ?? [],
    },
    image: docker.image,
    network: all.backend === 'bubblewrap' ? bubblewrap.network : docker.network,
    agent: all.agent,
    session: all.session,
    ephemeral: all.ephemeral,
    toolPrefix: all.toolPrefix,
    outputCharacters: all.outputCharacters,
    commandTimeoutSeconds: all.commandTimeoutSeconds,
  }
}

function refuseNetwork(network: string, mayJoin: boolean): void {
  if (network.startsWith('container:') && !mayJoin) {
    throw configInvalid(
      `network ${shown(network)} is refused: it would share another container's network`,
      'Use none, bridge, or the name of a network.',
    )
  }
  if (!/^(container:)?[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(network)) {
    throw configInvalid(
      `${shown(network)} is not a network`,
      'Use none, bridge, or the name of a network.',
    )
  }
}

function atHome(path: string, home: string): string {
  return path.replace(/^~(?=\/|$)/, home)
}
