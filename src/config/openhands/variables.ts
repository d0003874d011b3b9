/** OpenHands' variables that set something here: each is a source of its own. */
import { configInvalid, shown } from '../../errors.ts'
import { parseJson5 } from '../json5.ts'
import type { Values } from '../values.ts'
import { parseVolumes } from './volumes.ts'

/** One variable. */
export interface Variable {
  readonly name: string
  /** For the documentation: the setting, in code, and what is to be known. */
  readonly sets: string
  /** `CONFIG_INVALID` for a value it cannot mean. Undefined: nothing is set by it. */
  read(value: string, env: NodeJS.ProcessEnv): Values | undefined
}

/** From the weakest to the strongest, where two of them set the same. */
export const variables: readonly Variable[] = [
  {
    name: 'RUNTIME',
    sets: '`backend`, if it is `docker` or `eventstream`',
    read: (value) =>
      ['docker', 'eventstream'].includes(value) ? { backend: 'docker' } : undefined,
  },
  {
    name: 'SANDBOX_BASE_CONTAINER_IMAGE',
    sets: '`docker.image`; nothing is built on it',
    read: (image) => ({ docker: { image } }),
  },
  {
    name: 'SANDBOX_RUNTIME_CONTAINER_IMAGE',
    sets: '`docker.image`; any image will do, and the server in OpenHands’ own is not started',
    read: (image) => ({ docker: { image } }),
  },
  {
    name: 'WORKSPACE_BASE',
    sets: 'the workspace, after `--workspace` and a file',
    read: (workspace) => ({ workspace }),
  },
  {
    name: 'WORKSPACE_MOUNT_PATH',
    sets: 'the workspace, in place of `WORKSPACE_BASE`',
    read: (workspace) => ({ workspace }),
  },
  {
    name: 'WORKSPACE_MOUNT_PATH_IN_SANDBOX',
    sets: '`docker.workdir`',
    read: (workdir) => {
      if (workdir.startsWith('/')) return { docker: { workdir } }
      throw wrong('WORKSPACE_MOUNT_PATH_IN_SANDBOX', workdir, 'an absolute path')
    },
  },
  {
    name: 'SANDBOX_VOLUMES',
    sets: 'the workspace (the mount at `/workspace`; with `ro` also `workspaceAccess`; a private one where there are mounts below `/workspace` only) and `docker.binds`, which may then lie outside of it; the `WORKSPACE_` variables are not read',
    read: volumeValues,
  },
  {
    name: 'RUNTIME_UID',
    sets: '`docker.user`',
    read: (uid) => ({ docker: { user: number('RUNTIME_UID', uid) } }),
  },
  {
    name: 'SANDBOX_USER_ID',
    sets: '`docker.user`, with `SANDBOX_GROUP_ID`',
    read: (uid, env) => {
      const group = env.SANDBOX_GROUP_ID
      const user = number('SANDBOX_USER_ID', uid)
      return { docker: { user: group ? `${user}:${number('SANDBOX_GROUP_ID', group)}` : user } }
    },
  },
  {
    name: 'SANDBOX_PLATFORM',
    sets: '`docker.platform`',
    read: (platform) => ({ docker: { platform } }),
  },
  {
    name: 'SANDBOX_ENABLE_GPU',
    sets: '`docker.gpus` (those of `SANDBOX_CUDA_VISIBLE_DEVICES`, or all) and OpenShell’s `gpu`',
    read: (value, env) => {
      const devices = env.SANDBOX_CUDA_VISIBLE_DEVICES
      const gpus = devices ? `device=${devices}` : 'all'
      return isTrue(value) ? { docker: { gpus }, openshell: { gpu: true } } : undefined
    },
  },
  {
    name: 'SANDBOX_ADDITIONAL_NETWORKS',
    sets: '`docker.network`: the first of them, as a sandbox has one network',
    read: (value) => {
      const [network] = networkNames(value)
      return network === undefined ? undefined : { docker: { network } }
    },
  },
  {
    name: 'RUNTIME_MAX_MEMORY_GB',
    sets: '`docker.memory`',
    read: (value) => {
      if (/^\d+(\.\d+)?$/.test(value)) return { docker: { memory: Number(value) * 1024 ** 3 } }
      throw wrong('RUNTIME_MAX_MEMORY_GB', value, 'a number')
    },
  },
  {
    name: 'SANDBOX_TIMEOUT',
    sets: 'how long a command may take that does not say so itself, in seconds',
    read: (value) => ({ commandTimeoutSeconds: Number(number('SANDBOX_TIMEOUT', value)) }),
  },
  {
    name: 'SANDBOX_KEEP_RUNTIME_ALIVE',
    sets: 'if true, that the sandbox is kept, as it is without `--ephemeral`',
    read: (value) => (isTrue(value) ? { ephemeral: false } : undefined),
  },
  {
    name: 'SANDBOX_RUNTIME_STARTUP_ENV_VARS',
    sets: '`docker.env`',
    read: (value) => {
      const given = literal('SANDBOX_RUNTIME_STARTUP_ENV_VARS', withWholeFloats(value))?.value
      const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
      const entries = isObject ? Object.entries(given) : []
      if (!isObject || !entries.every(([, text]) => isPlain(text))) {
        const example = "an object of texts, such as {'NAME': 'text'}"
        throw wrong('SANDBOX_RUNTIME_STARTUP_ENV_VARS', undefined, example)
      }
      const named = entries.map(([name, text]) => [
        environmentName('SANDBOX_RUNTIME_STARTUP_ENV_VARS', name),
        String(text),
      ])
      return { docker: { env: Object.fromEntries(named) } }
    },
  },
]

function volumeValues(text: string): Values {
  const volumes = parseVolumes(text)
  const workspace = volumes.find(({ target }) => target === '/workspace')
  const binds = volumes
    .filter((volume) => volume !== workspace)
    .map(({ source, target, writable }) => `${source}:${target}:${writable ? 'rw' : 'ro'}`)
  const areInWorkspace = volumes.some(({ target }) => target.startsWith('/workspace/'))
  // Nothing is mounted at /workspace itself: directories for what is in it would be made in somebody's project.
  const isPrivate = workspace === undefined && areInWorkspace
  return {
    ...(workspace && { workspace: workspace.source }),
    ...(workspace?.writable === false ? { workspaceAccess: 'ro' } : {}),
    ...(isPrivate ? { workspaceAccess: 'none' } : {}),
    // Who wrote this variable chose these places; which sources are never mounted stays as it is.
    ...(binds.length > 0 && {
      docker: {
        binds,
        dangerouslyAllowExternalBindSources: true,
        ...(areInWorkspace && { dangerouslyAllowReservedContainerTargets: true }),
      },
    }),
  }
}

/** Of which a sandbox joins the first. */
export function networkNames(value: string): readonly string[] {
  const names = literal('SANDBOX_ADDITIONAL_NETWORKS', value)?.value
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names
  throw wrong('SANDBOX_ADDITIONAL_NETWORKS', value, "a list of names, such as ['net']")
}

/** `CONFIG_INVALID` for what no shell would export. */
export function environmentName(variable: string, name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name
  throw configInvalid(
    `${variable} names no environment variable: ${shown(name)}`,
    'Write letters, digits and _ as its name, and no digit first.',
  )
}

/** Larger numbers lose digits when they are read, and smaller ones are written in another way in Python. */
const isPlain = (value: unknown) =>
  typeof value === 'number'
    ? value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) <= Number.MAX_SAFE_INTEGER)
    : typeof value === 'string'

/** What is in quotes, or a number with a point or an exponent. */
const quotedOrFloat =
  /'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+(?=e))(?:e[-+]?\d+)?(?![\w.])/gis

/** With `1.0` and `1e3` as Python turns them into text, with a point; elsewhere that is another number's text. */
const withWholeFloats = (text: string) =>
  text.replace(quotedOrFloat, (found) => {
    const value = /^['"]/.test(found) ? Number.NaN : Number(found)
    return Number.isSafeInteger(value) ? `'${Object.is(value, -0) ? '-0' : value}.0'` : found
  })

/** As OpenHands reads it. */
export function isTrue(value: string): boolean {
  return ['true', '1'].includes(value.toLowerCase())
}

function number(name: string, value: string): string {
  if (/^\d{1,10}$/.test(value)) return value
  throw wrong(name, value, 'a whole number')
}

/** A list or dictionary as Python writes it, which is JSON5 as long as it is simple; undefined for what is none. */
function literal(name: string, value: string): { readonly value: unknown } | undefined {
  const pairs = value.match(/\\./gs) ?? []
  const other = pairs.find((pair) => !/[\\'"bfnrtvux\n]$/.test(pair))
  if (other !== undefined) {
    throw configInvalid(
      `${name} has the escape ${shown(other)}, of which it cannot be told what it stands for`,
      'Write two backslashes for one that is meant as such.',
    )
  }
  const parsed = parseJson5(value)
  return 'what' in parsed ? undefined : parsed
}

function wrong(name: string, value: string | undefined, wanted: string) {
  const given = value === undefined ? 'is' : `${shown(value)} is`
  return configInvalid(`${name} ${given} not ${wanted}`, `Correct ${name}, or unset it.`)
}
