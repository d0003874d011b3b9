// The two images the tests run in, made without any image registry: Debian, as most people have it,
// and BusyBox alone, as the small images people bring. What was built once is kept as a tarball in
// the user's cache, so that a new engine has them in seconds. A changed recipe takes a new tag.
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { checkInterrupted, Problem } from '../../scripts/machine/run.mjs'
import { done, during } from '../../scripts/machine/say.mjs'
import { buildBusybox, busyboxPackages } from './busybox.mjs'
import { buildDebian, debianPackages } from './debian.mjs'
import { buildFromRegistry } from './registry.mjs'

export const images = [
  {
    ref: 'sandbox-mcp-test/debian:1',
    packages: debianPackages,
    build: buildDebian,
    working: 'debootstrap (about a minute)',
    dockerfile: [
      'FROM debian:bookworm-slim',
      'RUN apt-get update && apt-get install -y --no-install-recommends git ripgrep python3',
    ],
  },
  {
    ref: 'sandbox-mcp-test/busybox:1',
    packages: busyboxPackages,
    build: buildBusybox,
    working: 'from busybox-static',
    dockerfile: ['FROM busybox:musl', 'RUN chmod 1777 /tmp'],
  },
]

const settings = [
  'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'ENV LANG=C.UTF-8',
]

/** The Debian packages that building takes, of images that neither `engine` nor the cache has. */
export async function neededPackages(engine) {
  const needed = []
  for (const image of images) {
    if (existsSync(tarball(image)) || (await engine?.hasImage(image.ref))) continue
    needed.push(...(await image.packages()))
  }
  return needed
}

/** Sees to it that `engine` has every image, or those of `refs`; throws a `Problem` when one cannot be had. */
export async function ensureImages(engine, refs = images.map(({ ref }) => ref)) {
  for (const image of images.filter(({ ref }) => refs.includes(ref))) {
    if (await engine.hasImage(image.ref)) {
      done('image', `${image.ref} is there`)
      continue
    }
    await during('image', `${image.ref}: ${image.working}`, () => provide(engine, image))
  }
}

async function provide(engine, image) {
  const file = tarball(image)
  const cached = existsSync(file)
  const problem = cached ? undefined : await build(image, file)
  if (problem === undefined) {
    await engine.importImage(image.ref, createReadStream(file), settings)
    return `${image.ref} ${cached ? 'imported from the cache' : 'built and imported'}`
  }
  checkInterrupted()
  try {
    await buildFromRegistry(engine, image.ref, [...image.dockerfile, ...settings])
  } catch (error) {
    throw new Problem(
      `${image.ref} can neither be built here (${problem}) nor from a registry (${error.message.trim()})`,
    )
  }
  return `${image.ref} built on ${image.dockerfile[0]?.slice('FROM '.length)}`
}

/** Builds the tarball, whole or not at all; resolves with why it cannot be, if so. */
async function build(image, file) {
  mkdirSync(join(file, '..'), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  try {
    await image.build(unfinished)
    renameSync(unfinished, file)
    return undefined
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.message
  } finally {
    rmSync(unfinished, { force: true })
  }
}

function tarball({ ref }) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const name = ref.slice(ref.indexOf('/') + 1).replace(':', '-')
  return join(cache, 'sandbox-mcp-test', `${name}-${process.arch}.tar.gz`)
}
