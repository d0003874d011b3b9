/** Makes a sandbox's container: image, network, mount points, the container itself, its setup. */
import {
  cancelled,
  configInvalid,
  isSandboxError,
  sandboxStartFailed,
  shown,
} from '../../errors.ts'
import type { OpenContext } from '../../sandbox.ts'
import { verifyMount } from '../mount-check.ts'
import { messageOf } from './checks.ts'
import type { DockerEngine } from './engine.ts'
import type { EngineError } from './engine-error.ts'
import { secretWarnings } from './environment.ts'
import { makeMountPoints } from './mount-points.ts'
import { hostNetworkRefusal, isNamedNetwork } from './network.ts'
import { defaultImage } from './options.ts'
import type { Plan } from './plan.ts'
import { refusal } from './refusal.ts'
import { DockerSandbox } from './sandbox.ts'
import type { DockerSettings } from './settings.ts'
import { runSetup, setupName, takeLease } from './setup.ts'

const never = new AbortController().signal

/**
 * The sandbox in its new container, verified and set up; undefined when another process has made one of
 * that name meanwhile, or removed ours. Whatever else goes wrong, nothing is left behind.
 */
export async function createSandbox(
  engine: DockerEngine,
  plan: Plan,
  context: OpenContext,
): Promise<DockerSandbox | undefined> {
  const { spec, settings, options } = plan
  const { signal, report } = context
  const name = settings.setupCommand === undefined ? spec.name : setupName(spec.name)
  await provideImage(engine, settings, context)
  await checkNetwork(engine, settings, signal)
  for (const warning of secretWarnings(settings)) report(warning)
  makeMountPoints(spec.mounts, Object.keys(options.HostConfig?.Tmpfs ?? {}), spec.owner)
  report(`creating sandbox ${spec.name} from ${options.Image}`)
  let id: string | undefined
  try {
    id = await engine.create({ ...options, name }, signal)
    if (id === undefined) return undefined
    if (spec.ephemeral) await engine.holdStdin(id, signal)
    await engine.start(id, signal)
    const sandbox = new DockerSandbox(engine, spec, id)
    if (await finish(engine, plan, id, sandbox, context)) return sandbox
    await engine.remove(id, never)
    return undefined
  } catch (error) {
    const early = id === undefined ? undefined : await earlyEnd(engine, plan, id, error)
    await removeRemains(engine, name, id)
    if (early !== undefined && !signal.aborted) throw early
    if (signal.aborted) throw isSandboxError(error) ? error : cancelled('opening the sandbox')
    if (isSandboxError(error)) throw error
    if (/no such container/i.test((error as EngineError).message)) return undefined
    throw sandboxStartFailed(
      `a container from ${shown(options.Image ?? '')} could not be started: ${messageOf(error)}`,
      'Act on what the engine says, then call again. Of the image only a POSIX sh is needed; the workspace must be shared with the engine.',
      error,
    )
  }
}

/** Verifies and sets up; false when another container has got the sandbox's name by then. */
async function finish(
  engine: DockerEngine,
  { spec, settings }: Plan,
  id: string,
  sandbox: DockerSandbox,
  context: OpenContext,
): Promise<boolean> {
  if (settings.setupCommand === undefined) {
    await verifyMount(sandbox, spec, context.signal)
    return true
  }
  const endLease = await takeLease(engine, id, context.signal)
  try {
    await verifyMount(sandbox, spec, context.signal)
    // The name for setups is free again as soon as another server is done with its own.
    if ((await engine.inspect(spec.name, context.signal)) !== undefined) return false
    await runSetup(engine, spec, id, settings, context)
    return await engine.rename(id, spec.name, context.signal)
  } finally {
    endLease()
  }
}

/** What is told of a container that was lost because nothing runs in it, as its image has no sh that can. */
async function earlyEnd(engine: DockerEngine, { spec, options }: Plan, id: string, error: unknown) {
  if (!isSandboxError(error, 'SANDBOX_LOST')) return undefined
  const found = await engine.inspect(id, never).catch(() => undefined)
  // The engine removes an ephemeral one by itself.
  if (found === undefined ? !spec.ephemeral : ![126, 127].includes(found.exitCode)) return undefined
  const code = found === undefined ? '' : ` with exit code ${found.exitCode}`
  return sandboxStartFailed(
    `a container from ${shown(options.Image ?? '')} ended at its start${code}: "sh" cannot be run in it`,
    'Use an image that has a POSIX sh in its PATH and is made for this machine, or set docker.env PATH to where its sh is.',
    error,
  )
}

/** By name: a create that was cancelled may have been done all the same. */
async function removeRemains(engine: DockerEngine, name: string, id: string | undefined) {
  const made = await engine.inspect(id ?? name, never).catch(() => undefined)
  if (made && (made.id === id || (id === undefined && made.status === 'created'))) {
    await engine.remove(made.id, never).catch(() => {})
  }
}

async function provideImage(
  engine: DockerEngine,
  { image = defaultImage, platform }: DockerSettings,
  { signal, report }: OpenContext,
): Promise<void> {
  const isThere = engine.hasImage(image, platform, signal).catch((error: EngineError) => {
    if (error.statusCode !== 400) throw error
    throw notAnImage(image, messageOf(error))
  })
  if (await isThere) return
  report(`pulling ${image}`)
  await engine.pull(image, platform, signal, report).catch((error: unknown) => {
    if (signal.aborted || isSandboxError(error)) throw error
    const wanted = platform === undefined ? '' : ` for ${platform}`
    throw sandboxStartFailed(
      `the image ${shown(image)} is not on this machine${wanted} and could not be pulled: ${messageOf(error)}`,
      `Check the name, "docker pull ${image}" or "docker load" it, or choose one of "docker images" with --image.`,
      error,
    )
  })
}

/** Each engine reads names in its own way. */
const notAnImage = (image: string, why: string) =>
  refusal(
    'image',
    image,
    `is not the name of an image: ${why}`,
    'Write "debian:bookworm", say: the part before the tag is in lower case.',
  )

/** A network is not what its name says: the host's has an id too. */
async function checkNetwork(
  engine: DockerEngine,
  { network }: DockerSettings,
  signal: AbortSignal,
): Promise<void> {
  if (!isNamedNetwork(network)) return
  const driver = await engine.networkDriver(network, signal)
  if (driver === 'host') throw hostNetworkRefusal(network)
  if (driver !== undefined) return
  throw configInvalid(
    `docker.network ${shown(network)} is not a network of ${engine.name}`,
    `Make it with "docker network create ${network}", or use none or bridge.`,
  )
}
