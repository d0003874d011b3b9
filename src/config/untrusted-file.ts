/** Nothing found in a workspace, or in what else commands can write, is configuration. */
import { readlinkSync, realpathSync } from 'node:fs'
import { isAbsolute, join, parse, resolve, sep } from 'node:path'
import { configInvalid, shown } from '../errors.ts'
import { isIn } from '../sessions/workspace-directory.ts'
import type { Settings } from '../settings.ts'

/** The files of the host that say what a sandbox may: those that settings were read from, and those that they name. */
export function rulingFiles(
  { backend, docker, openshell }: Settings,
  filesRead: readonly string[],
): string[] {
  const isDockers = backend === 'auto' || backend === 'docker'
  const named = [
    isDockers ? docker.seccompProfile : undefined,
    backend === 'openshell' ? openshell.policy : undefined,
  ]
  return [...filesRead, ...named.filter((file) => file !== undefined)]
}

/**
 * `CONFIG_INVALID` when one of the files is where commands in the sandbox can change it, or is reached by
 * a link that they can lead elsewhere.
 */
export function refuseFilesIn(workspace: string, files: readonly string[]): void {
  const root = real(workspace)
  const inside = files.find((file) => placesOf(file).some((place) => isIn(place, root)))
  if (inside === undefined) return
  throw configInvalid(
    `${shown(inside)} is refused: it says what the sandbox may, and is in ${shown(workspace)}, where commands can change it`,
    'Move the file out of the workspace, to ~/.config/sandbox-mcp/ for example.',
  )
}

/** More links than a system follows. */
const mostLinks = 64

/** All that is looked up on the way to a file, links among it, as real paths; the file itself last. */
function placesOf(file: string): string[] {
  const places: string[] = []
  let { root: directory } = parse(resolve(file))
  const names = namesIn(resolve(file))
  let links = 0
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const place = join(directory, name)
    places.push(place)
    const target = linkTarget(place)
    if (target === undefined || ++links > mostLinks) {
      directory = place
      continue
    }
    if (isAbsolute(target)) directory = parse(target).root
    names.unshift(...namesIn(target))
  }
  return places
}

function namesIn(path: string): string[] {
  return path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((name) => name !== '' && name !== '.')
}

/** Undefined for what is no link, or is not there. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
