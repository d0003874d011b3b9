// What the tests can run on here. `npm test` prepares it and says so in the environment; run as a
// program this prints what is there as it is, for a vitest that was started directly.
import { pathToFileURL } from 'node:url'
import { images } from '../../test/images/build.mjs'
import { findBubblewrap } from './bubblewrap.mjs'
import { findEngine } from './docker.mjs'
import { defaultHost } from './docker-hosts.mjs'
import { findOpenShellDouble } from './openshell-double.mjs'
import { findPodman } from './podman.mjs'
import { findProgram, programNames } from './reference-programs.mjs'
import { Problem } from './run.mjs'
import { findSshd } from './ssh.mjs'

export const parts = ['docker', 'podman', 'bubblewrap', 'ssh', 'openshell-double', ...programNames]

/** The names in REQUIRE_BACKENDS, which must be there for the run to be green. */
export function requiredParts(env = process.env) {
  const names = (env.REQUIRE_BACKENDS ?? '').split(',').map((name) => name.trim())
  const required = names.filter(Boolean)
  const unknown = required.filter((name) => !parts.includes(name))
  if (unknown.length > 0) {
    throw new Problem(
      `REQUIRE_BACKENDS names ${unknown.join(', ')}; there are: ${parts.join(', ')}`,
    )
  }
  return required
}

/** How the tests are told: what is there, and why the rest is not. */
export function partsEnvironment(missing, engine) {
  return {
    SANDBOX_MCP_TEST_BACKENDS: parts.filter((part) => !(part in missing)).join(','),
    SANDBOX_MCP_TEST_MISSING: JSON.stringify(missing),
    SANDBOX_MCP_TEST_PROGRAMS: JSON.stringify(
      Object.fromEntries(programNames.map((name) => [name, findProgram(name)])),
    ),
    ...(engine === undefined || engine.host === defaultHost ? {} : { DOCKER_HOST: engine.host }),
  }
}

async function detect() {
  const missing = {}
  const { engine, problem } = await findEngine()
  if (engine === undefined) missing.docker = problem
  for (const { ref } of engine === undefined ? [] : images) {
    if (!(await engine.hasImage(ref))) missing.docker = `${ref} is not there; npm test builds it`
  }
  const podman = await findPodman()
  if (podman.problem !== undefined) missing.podman = podman.problem
  const bubblewrap = await findBubblewrap()
  if (bubblewrap.problem !== undefined) missing.bubblewrap = bubblewrap.problem
  const sshd = await findSshd()
  if (sshd.problem !== undefined) missing.ssh = sshd.problem
  const double = await findOpenShellDouble()
  if (double.problem !== undefined) missing['openshell-double'] = double.problem
  for (const name of programNames) {
    if (findProgram(name) === undefined) missing[name] = 'not installed; npm test installs it'
  }
  return partsEnvironment(missing, engine)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  requiredParts()
  process.stdout.write(JSON.stringify(await detect()))
}
