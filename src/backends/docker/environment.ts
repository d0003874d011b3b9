/** The environment that every command of a sandbox starts with. Pure. */
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'
import { home } from './temporary-files.ts'

/**
 * `NAME=value` each: what is set, and a `HOME` unless that is. They go to the engine in the body of a
 * request: never on a command line, in a URL or in a log.
 */
export function environment({ env }: DockerSettings): string[] {
  for (const [name, value] of Object.entries(env)) {
    if (!/^[^\s=\0]+$/.test(name)) {
      throw refusal(
        'env',
        name,
        'is not the name of a variable',
        'Use letters, digits and _.',
        name,
      )
    }
    // The value may be a secret.
    if (!value.includes('\0')) continue
    throw refusal('env', name, 'has a NUL byte in its value', 'No variable can hold one.', name)
  }
  return Object.entries({ HOME: home, ...env }).map(([name, value]) => `${name}=${value}`)
}

/** One sentence for each variable that looks like a secret: commands, and so the model, can read it. */
export function secretWarnings({ env }: DockerSettings): string[] {
  const secret = /(api_?key|access_?key|private_?key|token|passw(or)?d|secret|credentials?)$/i
  return Object.keys(env)
    .filter((name) => secret.test(name))
    .map(
      (name) => `docker.env ${name} looks like a secret; every command in the sandbox can read it`,
    )
}
