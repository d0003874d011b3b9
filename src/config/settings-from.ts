/** The settings of a server from the values that were put together. Pure. */
import { cleanPath } from '../backends/docker/paths-inside.ts'
import type { DockerSettings } from '../backends/docker/settings.ts'
import { cleanRoot } from '../backends/openshell/roots.ts'
import type { Settings } from '../settings.ts'
import type { Merged } from './merge.ts'
import { sourceText } from './source.ts'
import type { Values } from './values.ts'

/** All that has a default has a value: the defaults are the first of the sources. */
type Complete = Values &
  Required<Pick<Values, 'agent' | 'session' | 'ephemeral' | 'toolPrefix' | 'outputCharacters'>> &
  Required<Pick<Values, 'mode' | 'backend' | 'scope' | 'workspaceAccess'>> &
  Pick<Settings, 'docker' | 'bubblewrap' | 'openshell' | 'sync' | 'prune'>

/**
 * `home` stands for `~` in paths on the host, and paths inside have one spelling from here on. Which
 * values can be used is judged by `judge.ts`.
 */
export function settingsFrom({ values, origins }: Merged, home: string): Settings {
  const all = values as Complete
  const { workspace, workspaceRoot, tools, ssh, bubblewrap } = all
  const docker = {
    ...all.docker,
    // A map without entries leaves no trace in `values`.
    env: all.docker.env ?? {},
    ulimits: all.docker.ulimits ?? {},
    workdir: cleanPath(all.docker.workdir) ?? all.docker.workdir,
  }
  const { enabled: _, ...openshell } = all.openshell
  const origin = (key: string) => {
    const found = origins.get(key)
    return found === undefined ? 'default' : sourceText(found.source)
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
    docker: withHome(docker, home),
    bubblewrap,
    ssh: ssh?.target === undefined ? undefined : { ...ssh, target: ssh.target },
    openshell: {
      ...openshell,
      ...(openshell.policy === undefined ? {} : { policy: atHome(openshell.policy, home) }),
      remoteWorkspaceDir: cleanRoot(openshell.remoteWorkspaceDir),
      remoteAgentWorkspaceDir: cleanRoot(openshell.remoteAgentWorkspaceDir),
    },
    sync: all.sync,
    prune: all.prune,
    tools: {
      // An empty list stands for all tools, to which nothing can be added.
      allow: tools?.allow?.length ? [...tools.allow, ...(tools.alsoAllow ?? [])] : tools?.allow,
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

function atHome(path: string, home: string): string {
  return path.replace(/^~(?=\/|$)/, home)
}

/** Where the host's files are named in `docker`. */
function withHome(docker: DockerSettings, home: string): DockerSettings {
  const { seccompProfile, binds } = docker
  return {
    ...docker,
    binds: binds.map((bind) => atHome(bind, home)),
    ...(seccompProfile === undefined ? {} : { seccompProfile: atHome(seccompProfile, home) }),
  }
}
