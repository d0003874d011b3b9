/** What the arguments of bubblewrap depend on, read from this machine. */
import { lstat, readlink } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { backendUnavailable, shown } from '../../errors.ts'
import { type HostFacts, hiddenInProc, shownInEtc, systemPaths } from './arguments.ts'
import { howToInstall, onlyLinux, run } from './checks.ts'

/** Looks at the host. Rejects with `BACKEND_UNAVAILABLE` where `command` cannot be run. */
export async function readFacts(command: string): Promise<HostFacts> {
  const options = await knownOptions(command)
  const system = new Map<string, string | undefined>()
  for (const path of systemPaths) {
    const found = await lstat(path).catch(() => undefined)
    if (found?.isSymbolicLink()) system.set(path, await readlink(path))
    else if (found?.isDirectory()) system.set(path, undefined)
  }
  const [etc, proc] = await Promise.all([existing(shownInEtc), existing(hiddenInProc)])
  return { system, etc, proc, memoryBytes: totalmem(), options }
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const present = await Promise.all(
    paths.map((path) =>
      lstat(path).then(
        () => true,
        () => false,
      ),
    ),
  )
  return paths.filter((_, index) => present[index])
}

async function knownOptions(command: string) {
  const result = await run(command, ['--help'])
  if (result.failed) {
    const fix = process.platform === 'linux' ? await howToInstall() : onlyLinux
    throw backendUnavailable(`${shown(command)} cannot be run: ${result.shortMessage}`, fix, result)
  }
  return new Set(`${result.stdout}\n${result.stderr}`.match(/--[a-z0-9-]+/g))
}
