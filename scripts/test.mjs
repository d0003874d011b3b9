// `npm test`: prepares the machine as far as that is ours to do, then runs the tests. Needs Node
// and nothing else to begin with. `npm test -- test/x` runs a part;
// REQUIRE_BACKENDS=docker,bubblewrap turns what is missing into a failure, in CI every part.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureImages, neededPackages } from '../test/images/build.mjs'
import { aptProblem, install } from './machine/apt.mjs'
import { findBubblewrap } from './machine/bubblewrap.mjs'
import { buildServer, ensureDependencies, root } from './machine/dependencies.mjs'
import { findEngine } from './machine/docker.mjs'
import { daemonIsStarting, dockerdProblem, startDockerd } from './machine/dockerd.mjs'
import { findOpenShellDouble } from './machine/openshell-double.mjs'
import { neededForOpenShell } from './machine/openshell-programs.mjs'
import { partsEnvironment, requiredParts } from './machine/parts.mjs'
import { findPodman } from './machine/podman.mjs'
import { ensureProgram, findProgram, programNames } from './machine/reference-programs.mjs'
import { checkInterrupted, inherit, Problem, runMain, which } from './machine/run.mjs'
import { bold, done, during, say, missing as sayMissing } from './machine/say.mjs'
import { findSshd } from './machine/ssh.mjs'
import { closingLines } from './test/outcome.mjs'

await runMain(async () => {
  const required = requiredParts()
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-test-'))
  let stopDaemon
  try {
    say(`${bold('npm test')}: prepares this machine, then runs the tests`)
    await ensureDependencies()
    await ensurePackages()
    const missing = {}
    const { engine, problem, stop } = await prepareDocker()
    stopDaemon = stop
    if (problem !== undefined) missing.docker = problem
    else await ensureImages(engine).catch((error) => noteProblem(missing, 'docker', error))
    const podman = await findPodman()
    if (podman.problem === undefined) done('podman', `${podman.version} starts containers`)
    else missing.podman = podman.problem
    const bubblewrap = await findBubblewrap()
    if (bubblewrap.problem === undefined) done('bubblewrap', `${bubblewrap.version} works`)
    else missing.bubblewrap = `${bubblewrap.problem}. ${bubblewrap.fix}`
    const sshd = await findSshd()
    if (sshd.problem === undefined) done('ssh', `OpenSSH ${sshd.version} can be started`)
    else missing.ssh = sshd.problem
    const double = await findOpenShellDouble()
    if (double.problem === undefined) done('openshell-double', 'can be started')
    else missing['openshell-double'] = double.problem
    for (const name of programNames) {
      await ensureProgram(name).catch((error) => noteProblem(missing, name, error))
    }
    for (const [part, why] of Object.entries(missing)) sayMissing(part, `missing: ${why}`)
    await buildServer()
    checkInterrupted()
    const results = join(folder, 'results.json')
    const code = await vitest(results, partsEnvironment(missing, engine))
    checkInterrupted()
    const closing = closingLines({ results, code, missing, required })
    say(`\n${closing.lines.join('\n')}`)
    return closing.code
  } finally {
    await stopDaemon?.()
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Installs what the rest needs and this machine lacks, or says why it does not. */
async function ensurePackages() {
  const { engine } = await findEngine()
  const names = [
    ...(engine === undefined ? dockerPackages() : []),
    ...(which('podman') === undefined ? ['podman'] : []),
    // Its containers begin with it, and Debian's podman only recommends it.
    ...(hasCatatonit() ? [] : ['catatonit']),
    ...(which('runc') === undefined ? ['runc'] : []),
    ...(which('bwrap') === undefined ? ['bubblewrap'] : []),
    ...(which('sshd') === undefined ? ['openssh-server'] : []),
    ...(which('ssh-keygen') === undefined ? ['openssh-client'] : []),
    ...(which('busybox') === undefined ? ['busybox-static'] : []),
    ...(findProgram('openshell') === undefined ? await neededForOpenShell() : []),
    ...(await neededPackages(engine)),
  ]
  if (names.length === 0) return
  const problem = aptProblem()
  if (problem !== undefined) return sayMissing('packages', `not installed: ${problem}`)
  try {
    await install(names)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    sayMissing('packages', error.message)
  }
}

/** Fedora's is no command. */
function hasCatatonit() {
  return which('catatonit') !== undefined || existsSync('/usr/libexec/podman/catatonit')
}

function dockerPackages() {
  const needs = { dockerd: 'docker.io', iptables: 'iptables' }
  return Object.keys(needs)
    .filter((command) => which(command) === undefined)
    .map((command) => needs[command])
}

/** A daemon that answers: the one there is, or one of our own for as long as the tests run. */
async function prepareDocker() {
  let found = await findEngine()
  if (found.engine === undefined && (await daemonIsStarting())) found = await findEngine()
  if (found.engine !== undefined) {
    done('docker', `${found.engine.product} ${found.engine.version} at ${found.engine.host}`)
    return found
  }
  const problem = dockerdProblem()
  if (problem !== undefined) return { problem: `${found.problem}, and none is started: ${problem}` }
  let daemon
  try {
    await during('docker', 'starting dockerd', async () => {
      daemon = await startDockerd()
      return `dockerd ${daemon.engine.version} started; it is stopped at the end`
    })
    return daemon
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    checkInterrupted()
    return { problem: error.message }
  }
}

function noteProblem(missing, part, error) {
  if (!(error instanceof Problem)) throw error
  checkInterrupted()
  missing[part] = error.message
}

function vitest(results, env) {
  say()
  const program = join(root, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
  return inherit(process.execPath, [program, 'run', ...reporters, ...process.argv.slice(2)], {
    env,
  })
}
