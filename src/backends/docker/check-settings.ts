/** Every value of the settings that can be judged without an engine and without the host's files. Pure. */
import { posix } from 'node:path'
import { capDrop, securityOptions, userOf } from './confinement.ts'
import { environment } from './environment.ts'
import { limits } from './limits.ts'
import { network } from './network.ts'
import { cleanPath } from './paths-inside.ts'
import { refusal } from './refusal.ts'
import { type DockerSettings, dockerDefaults } from './settings.ts'
import { temporaryFiles } from './temporary-files.ts'

/** Throws `CONFIG_INVALID` for the first value that cannot be used: its key, itself, what to write instead. */
export function checkSettings(settings: DockerSettings): void {
  for (const check of checks) check(settings)
}

/** Each judges what belongs together, and throws for the first of it. */
export const checks: readonly ((settings: DockerSettings) => void)[] = [
  checkImage,
  checkPlatform,
  checkWorkdir,
  (settings) => userOf(settings, nobody),
  (settings) => temporaryFiles(settings, [workspaceOf(settings)], { ...nobody, text: '' }),
  network,
  capDrop,
  (settings) => securityOptions(settings, undefined),
  environment,
  limitsOf('memory', 'memorySwap'),
  limitsOf('pidsLimit'),
  limitsOf('cpus'),
  limitsOf('gpus'),
  limitsOf('ulimits'),
]

const nobody = { uid: 0, gid: 0 }

function limitsOf(...keys: readonly (keyof DockerSettings)[]) {
  return (settings: DockerSettings) => {
    const given = Object.entries(settings).filter(([key]) => keys.some((one) => one === key))
    limits({ ...dockerDefaults, ...Object.fromEntries(given) })
  }
}

const workspaceOf = ({ workdir }: DockerSettings) => ({
  host: '',
  sandbox: workdir,
  writable: true,
})

function checkImage({ image }: DockerSettings): void {
  if (image !== undefined && !/^[a-z0-9](?!.*\/\/)[\w./:@-]*$/i.test(image)) {
    throw refusal('image', image, 'is not the name of an image', 'Write "debian:bookworm", say.')
  }
}

function checkPlatform({ platform }: DockerSettings): void {
  if (platform !== undefined && !/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/i.test(platform)) {
    throw refusal('platform', platform, 'is not a platform', 'Write "linux/amd64", say.')
  }
}

function checkWorkdir({ workdir }: DockerSettings): void {
  const system = ['/', '/proc', '/sys', '/dev']
  const clean = cleanPath(workdir)
  const top = `/${clean?.split('/')[1] ?? ''}`
  if (clean === workdir && posix.isAbsolute(workdir) && !system.includes(top)) return
  throw refusal(
    'workdir',
    workdir,
    'is no place for the workspace',
    'Write an absolute path inside the sandbox, "/workspace" say.',
  )
}
