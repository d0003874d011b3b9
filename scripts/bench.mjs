// `npm run bench`: prepares the machine as far as that is ours to do, then measures this server beside
// others. `npm run bench -- --help` tells the options. Needs Node and nothing else to begin with.
import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureImages } from '../test/images/build.mjs'
import { makeScratch } from './bench/scratch.mjs'
import { findBubblewrap } from './machine/bubblewrap.mjs'
import { buildServer, ensureDependencies, root } from './machine/dependencies.mjs'
import { findEngine } from './machine/docker.mjs'
import { dockerdProblem, startDockerd } from './machine/dockerd.mjs'
import { findOpenShellDouble } from './machine/openshell-double.mjs'
import { partsEnvironment } from './machine/parts.mjs'
import { inherit, Problem, runMain } from './machine/run.mjs'
import { done, during, missing as sayMissing } from './machine/say.mjs'
import { findSshd } from './machine/ssh.mjs'

/** Node does not see all that ssh2 exports to modules, so it becomes part of the file. */
const withSsh2 = {
  name: 'with-ssh2',
  setup(options) {
    options.onResolve({ filter: /^ssh2$/ }, () => ({
      path: join(root, 'node_modules/ssh2/lib/index.js'),
    }))
    // Optional native parts: without them it is ssh2 in plain JavaScript.
    options.onResolve({ filter: /\.node$/ }, ({ path }) => ({ path, external: true }))
  },
}

/** Files find their neighbours by their own URL, which would be the bundle's. */
const ownUrls = {
  name: 'own-urls',
  setup(options) {
    options.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const url = JSON.stringify(pathToFileURL(path).href)
      return { contents: `const ownUrl = ${url};${text}`, loader: 'ts' }
    })
  },
}

await runMain(async () => {
  const args = process.argv.slice(2)
  // What only reads or explains needs no engine.
  const measures = !args.some((arg) => ['--help', '--merge', '--list'].includes(arg))
  await ensureDependencies()
  const missing = {}
  let daemon = {}
  let scratch
  let program
  try {
    if (measures) {
      daemon = await prepareDocker(missing)
      await look(missing, 'bubblewrap', findBubblewrap)
      await look(missing, 'ssh', findSshd)
      await look(missing, 'openshell-double', findOpenShellDouble)
      await buildServer()
      scratch = await makeScratch()
    }
    program = await bundle()
    const env = {
      ...partsEnvironment(missing, daemon.engine),
      ...(scratch === undefined
        ? {}
        : { TMPDIR: scratch.folder, SANDBOX_MCP_BENCH_SCRATCH: scratch.where }),
    }
    return await inherit(process.execPath, ['--enable-source-maps', program, ...args], { env })
  } finally {
    if (program !== undefined) rmSync(program, { force: true })
    await scratch?.remove(daemon.engine)
    await daemon.stop?.()
  }
})

/** The engine there is, or one of our own for as long as this runs, with the images of the tests. */
async function prepareDocker(missing) {
  let found = await findEngine()
  try {
    if (found.engine === undefined) {
      const problem = dockerdProblem()
      if (problem !== undefined) throw new Problem(`${found.problem}; ${problem}`)
      await during('docker', 'starting dockerd', async () => {
        found = await startDockerd()
        return `dockerd ${found.engine.version} started; it is stopped at the end`
      })
    } else done('docker', `${found.engine.product} ${found.engine.version}`)
    await ensureImages(found.engine)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    missing.docker = error.message
    sayMissing('docker', error.message)
  }
  return found
}

async function look(missing, part, find) {
  const { problem } = await find()
  if (problem === undefined) return done(part, 'works')
  missing[part] = problem
  sayMissing(part, problem)
}

/** One file that Node 20 can run, beside the packages it uses. */
async function bundle() {
  // Only now is it certain to be installed.
  const { build } = await import('esbuild')
  const outfile = join(root, `node_modules/.cache/bench/main-${process.pid}.mjs`)
  await build({
    absWorkingDir: root,
    entryPoints: ['bench/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.11',
    packages: 'external',
    sourcemap: 'inline',
    define: { 'import.meta.url': 'ownUrl' },
    plugins: [ownUrls, withSsh2],
    banner: {
      js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url)",
    },
    logLevel: 'warning',
  })
  return outfile
}
