// Installing Debian packages, where that is ours to do: on Debian and its kin, as root.
import { readdirSync, readFileSync } from 'node:fs'
import { capture, isRoot, quietly, which } from './run.mjs'
import { during } from './say.mjs'

let updated = false

/** Why packages cannot be installed here, or undefined when they can. */
export function aptProblem() {
  if (process.platform !== 'linux' || which('apt-get') === undefined) return 'this is not Debian'
  return isRoot ? undefined : 'only root may install packages'
}

/** Installs `names`, none of which is installed. */
export async function install(names) {
  // At this run level no service is started: tests start their own, and a person's machine gets none.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  await during('packages', `apt-get install ${names.join(' ')}`, async () => {
    if (!updated) {
      // A third-party source that is down must not stop what Debian itself can serve.
      await capture('apt-get', ['update', '-q'], { env })
      updated = true
    }
    const options = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']
    await quietly('apt-get', ['install', ...options, ...names], { env })
    return `installed ${names.join(' ')}`
  })
}

/**
 * The Debian archive this machine itself uses, so that a near mirror or a proxy is respected; undefined
 * leaves the choice to debootstrap.
 */
export function debianMirror() {
  const system = readText('/etc/os-release')
  const release = /^VERSION_CODENAME=(.+)$/m.exec(system)?.[1]
  if (!/^ID=debian$/m.test(system) || release === undefined) return undefined
  const sources = sourceFiles().flatMap((text) => [...deb822(text), ...oneLine(text)])
  const own = sources.find(
    ({ suites, components }) => suites.includes(release) && components.includes('main'),
  )
  return own?.uris.find((uri) => /^https?:/.test(uri))
}

/** The proxy that apt is told to use, if any. */
export async function aptProxy() {
  const { stdout } = await capture('apt-config', ['shell', 'proxy', 'Acquire::http::Proxy'])
  return /^proxy='(https?:[^']+)'/m.exec(stdout)?.[1]
}

function sourceFiles() {
  const folder = '/etc/apt/sources.list.d'
  let names = []
  try {
    names = readdirSync(folder).sort()
  } catch {
    // there need not be one
  }
  const lists = names.filter((name) => /\.(list|sources)$/.test(name))
  return ['/etc/apt/sources.list', ...lists.map((name) => `${folder}/${name}`)].map(readText)
}

function deb822(text) {
  const field = (stanza, name) =>
    new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t]+.*)*)`, 'im').exec(stanza)?.[1]?.split(/\s+/) ?? []
  return text
    .split(/\n\s*\n/)
    .filter((stanza) => field(stanza, 'Types').includes('deb'))
    .filter((stanza) => field(stanza, 'Enabled')[0] !== 'no')
    .map((stanza) => ({
      uris: field(stanza, 'URIs'),
      suites: field(stanza, 'Suites'),
      components: field(stanza, 'Components'),
    }))
}

function oneLine(text) {
  const entries = text.matchAll(/^deb[ \t]+(?:\[[^\]]*\][ \t]+)?(\S+)[ \t]+(\S+)[ \t]+(.*)$/gm)
  return [...entries].map(([, uri, suite, rest]) => ({
    uris: [uri],
    suites: [suite],
    components: rest.split(/\s+/),
  }))
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
