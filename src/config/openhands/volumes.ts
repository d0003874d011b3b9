/** `SANDBOX_VOLUMES`: `source:target[:mode]`, separated by commas. */
import { configInvalid, shown } from '../../errors.ts'

/** One mount. */
export interface Volume {
  /** Absolute, as the host writes it. */
  readonly source: string
  readonly target: string
  readonly writable: boolean
}

/** `CONFIG_INVALID` for what would mount another thing than was meant. */
export function parseVolumes(text: string): Volume[] {
  const volumes = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(parseVolume)
  const twice = volumes.find(
    ({ target }, at) => volumes.findIndex((other) => other.target === target) < at,
  )
  if (twice !== undefined) throw refused(twice.target, 'two of its mounts have this target')
  return volumes
}

function parseVolume(entry: string): Volume {
  // The colon of a Windows drive belongs to the path.
  const parts = /^([A-Za-z]:[\\/][^:]*|[^:]+):([^:]+)(?::([^:]*))?$/.exec(entry)
  const [, source, target, mode = 'rw'] = parts ?? []
  if (source === undefined || target === undefined) {
    throw refused(entry, 'it is not source:target[:ro|rw]')
  }
  if (!/^(\/|[A-Za-z]:[\\/])/.test(source)) {
    const isPath = /^[.~]/.test(source)
    throw refused(
      entry,
      `its source is ${isPath ? 'no absolute path' : 'a named volume; only absolute paths are mounted'}`,
    )
  }
  if (!target.startsWith('/')) throw refused(entry, 'its target is no absolute path')
  if (mode !== 'rw' && mode !== 'ro')
    throw refused(entry, `the mode ${shown(mode)} is not ro or rw`)
  return { source, target: target.replace(/(?<=.)\/+$/, ''), writable: mode === 'rw' }
}

function refused(entry: string, reason: string) {
  return configInvalid(
    `SANDBOX_VOLUMES: ${shown(entry)} is refused: ${reason}`,
    'Write /path/on/the/host:/path/inside, and :ro after it where nothing may change.',
  )
}
