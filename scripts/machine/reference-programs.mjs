// Programs that tests compare us with or are judged by. They are several times larger than all that
// `npm ci` installs, so they are installed when tests first need them, each pinned version once in
// the user's cache.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { npm } from './dependencies.mjs'
import { Problem } from './run.mjs'
import { done, during } from './say.mjs'

/** From the part's name to what is installed in one folder, and where in it the program is. */
const programs = {
  /** The reference implementation of apply_patch: 100 MB to fetch, 400 MB on disk. */
  codex: {
    folder: 'codex-0.169.0',
    packages: ['@openai/codex@0.169.0'],
    find: (modules) => nativeBinary(join(modules, '@openai')),
  },
  /** MCP's own test suite, as released and as it will be; neither starts on Node 20. */
  conformance: {
    folder: 'conformance-0.1.16-0.2.0-alpha.12',
    packages: [
      'released@npm:@modelcontextprotocol/conformance@0.1.16',
      'next@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12',
      'node@22.23.3',
    ],
    find: (modules) => (existsSync(join(modules, 'node/bin/node')) ? modules : undefined),
  },
}

export const programNames = Object.keys(programs)

/** Where the program is, or nothing when it is not installed: a file, or a `node_modules`. */
export function findProgram(name) {
  const modules = join(folderOf(name), 'node_modules')
  return existsSync(modules) ? programs[name].find(modules) : undefined
}

/** Installs the program unless it is there; a `Problem` says why it cannot be had. */
export async function ensureProgram(name) {
  const { folder, packages } = programs[name]
  if (findProgram(name) !== undefined) return done(name, `${folder} in the cache`)
  await during(name, `npm install ${packages.join(' ')}`, async () => {
    await install(folderOf(name), packages)
    if (findProgram(name) === undefined) {
      throw new Problem(`${folder} has nothing for ${process.platform}-${process.arch}`)
    }
    return `${folder} installed in the cache`
  })
}

/** All or nothing, so that what is in the cache can be relied on. */
async function install(folder, packages) {
  mkdirSync(join(folder, '..'), { recursive: true })
  const unfinished = mkdtempSync(`${folder}.`)
  try {
    await npm(['install', '--no-audit', '--no-fund', '--prefix', unfinished, ...packages])
    // Another run that installed the same meanwhile did it as well as this one.
    if (!existsSync(folder)) renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function folderOf(name) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(cache, 'sandbox-mcp-test', programs[name].folder)
}

/** The package for this platform keeps it in `vendor/<target triple>/bin`. */
function nativeBinary(scope) {
  for (const name of readdirSync(scope)) {
    const vendor = join(scope, name, 'vendor')
    for (const triple of existsSync(vendor) ? readdirSync(vendor) : []) {
      const binary = join(vendor, triple, 'bin/codex')
      if (existsSync(binary)) return binary
    }
  }
  return undefined
}
