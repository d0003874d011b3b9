// Which engine the quickstart uses: a Docker daemon that answers and has, or can get, an image;
// else bubblewrap, which is installed where that is ours to do; else it says what to install.
import { images } from '../../test/images/build.mjs'
import { aptProblem, install } from '../machine/apt.mjs'
import { findBubblewrap } from '../machine/bubblewrap.mjs'
import { findEngine } from '../machine/docker.mjs'
import { checkInterrupted, Problem, which } from '../machine/run.mjs'
import { done, during, missing } from '../machine/say.mjs'

/** What the server uses when it is not told an image. */
const defaultImage = 'debian:bookworm-slim'

/** `flags` are those that a client's settings need for the same choice. */
export async function chooseEngine({ backend, image }) {
  if (backend !== undefined && backend !== 'docker' && backend !== 'bubblewrap') {
    throw new Problem(`--backend ${backend}: there are docker and bubblewrap`)
  }
  const docker = backend === 'bubblewrap' ? {} : await tryDocker(image)
  if (docker.choice !== undefined) return docker.choice
  if (docker.problem !== undefined) missing('docker', docker.problem)
  const bubblewrap = backend === 'docker' ? {} : await tryBubblewrap()
  if (bubblewrap.problem === undefined && backend !== 'docker') {
    done('engine', `bubblewrap ${bubblewrap.version}`)
    // Where a daemon answers, the server would choose it by itself.
    const flags = docker.answers || backend !== undefined ? ['--backend', 'bubblewrap'] : []
    return { backend: 'bubblewrap', flags }
  }
  if (bubblewrap.problem !== undefined) missing('bubblewrap', bubblewrap.problem)
  throw new Problem(`There is no engine to run a sandbox with.\n${advice(bubblewrap.fix)}`)
}

async function tryDocker(wanted) {
  const { engine, problem } = await findEngine()
  if (engine === undefined) return { problem }
  const image = wanted ?? defaultImage
  const found = await obtain(engine, image)
  checkInterrupted()
  const named = `${engine.product} ${engine.version}`
  if (found === undefined) {
    done('engine', `${named}, image ${image}`)
    if (wanted === undefined) return { choice: { backend: 'docker', engine, flags: [] } }
    return { choice: { backend: 'docker', engine, image, flags: ['--image', image] } }
  }
  const why = `${image} is not there and cannot be pulled: ${found}`
  if (wanted !== undefined) return { answers: true, problem: why }
  for (const { ref } of images) {
    if (!(await engine.hasImage(ref))) continue
    missing('image', why)
    done('engine', `${named}, with the local image ${ref} instead`)
    return { choice: { backend: 'docker', engine, image: ref, flags: ['--image', ref] } }
  }
  return { answers: true, problem: `${named} answers, but ${why}` }
}

/** Resolves with why `engine` cannot have the image, if so. */
async function obtain(engine, image) {
  if (await engine.hasImage(image)) return undefined
  try {
    await during('image', `pulling ${image}`, async () => {
      await engine.pull(image, 30_000)
      return `${image} pulled`
    })
    return undefined
  } catch (error) {
    return error.message.trim()
  }
}

async function tryBubblewrap() {
  if (process.platform === 'linux' && which('bwrap') === undefined && aptProblem() === undefined) {
    try {
      await install(['bubblewrap'])
    } catch (error) {
      missing('packages', error.message)
    }
    checkInterrupted()
  }
  return findBubblewrap()
}

function advice(bubblewrapFix) {
  const again = 'Then run npm run quickstart again.'
  if (process.platform === 'darwin') {
    return `Install and start Docker Desktop, OrbStack, Colima or Podman (brew install --cask docker). ${again}`
  }
  if (process.platform === 'win32') {
    return `Install and start Docker Desktop (winget install Docker.DockerDesktop). ${again}`
  }
  const docker =
    'nstall and start Docker (your distribution’s package), or Podman with its socket enabled.'
  const ways = bubblewrapFix === undefined ? `I${docker}` : `${bubblewrapFix}\nOr i${docker}`
  return `${ways}\n${again}`
}
