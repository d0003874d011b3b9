/** Every value of the settings that can be judged without an engine and without the host's files. Pure. */
import { posix } from 'node:path'
import { capDrop, securityOptions, userOf } from './confinement.ts'
import { environment } from './environment.ts'
import { limits } from './limits.ts'
import { network } from './network.ts'
import { cleanPath } from './paths-inside.ts'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'
import { temporaryFiles } from './temporary-files.ts'

/** Throws `CONFIG_INVALID` for the first value that cannot be used: its key, itself, what to write instead. */
export function checkSettings(settings: DockerSettings): void {
  checkImage(settings)
  checkWorkdir(settings)
  const user = userOf(settings, { uid: 0, gid: 0 })
  temporaryFiles(settings, [{ host: '', sandbox: settings.workdir, writable: true }], user)
  network(settings)
  capDrop(settings)
  securityOptions(settings, undefined)
  environment(settings)
  limits(settings)
}

function checkImage({ image, platform }: DockerSettings): void {
  if (image !== undefined && !/^[a-z0-9][\w./:@-]*$/i.test(image)) {
    throw refusal('image', image, 'is not the name of an image', 'Write "debian:bookworm", say.')
  }
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
