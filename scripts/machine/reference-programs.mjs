// Programs that tests compare us with or are judged by. They are several times larger than all that
// `npm ci` installs, so they are installed when tests first need them, each pinned version once in
// the user's cache.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { npm } from './dependencies.mjs'
import { installOpenShell } from './openshell-programs.mjs'
import { Problem } from './run.mjs'
import { done, during } from './say.mjs'

/** Versions of the `openshell` command that tests run: before workspaces, with JSON, and the last on PyPI. */
const openShellVersions = ['0.0.86', '0.0.92', '0.0.111']

/** From the part's name to what is installed in one folder, how, and where in it the program is. */
const programs = {
  /** The reference implementation of apply_patch: 100 MB to fetch, 400 MB on disk. */
  codex: {
    folder: 'codex-0.169.0',
    ...npmPackages('@openai/codex@0.169.0'),
    find: (folder) => nativeBinary(join(folder, 'node_modules/@openai')),
  },
  /** MCP's own test suite, as released and as it will be; neither starts on Node 20. */
  conformance: {
    folder: 'conformance-0.1.16-0.2.0-alpha.12',
    ...npmPackages(
      'released@npm:@modelcontextprotocol/conformance@0.1.16',
      'next@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12',
      'node@22.23.3',
    ),
    find: (folder) => existing(join(folder, 'node_modules'), 'node/bin/node'),
  },
  /** The real `openshell`, in a folder for each version: 9 MB each to fetch, 22 MB on disk. */
  openshell: {
    folder: `openshell-${openShellVersions.join('-')}`,
    what: `pip download openshell ${openShellVersions.join(', ')}`,
    install: (folder) => installOpenShell(folder, openShellVersions),
    find: (folder) => existing(folder, openShellVersions.at(-1)),
  },
}

export const programNames = Object.keys(programs)

/** Where the program is, or nothing when it is not installed: a file, or the folder of several. */
export function findProgram(name) {
  const folder = folderOf(name)
  return existsSync(folder) ? programs[name].find(folder) : undefined
}

/** Installs the program unless it is there; a `Problem` says why it cannot be had. */
export async function ensureProgram(name) {
  const { folder, what, install } = programs[name]
  if (findProgram(name) !== undefined) return done(name, `${folder} in the cache`)
  await during(name, what, async () => {
    await allOrNothing(folderOf(name), install)
    if (findProgram(name) === undefined) {
      throw new Problem(`${folder} has nothing for ${process.platform}-${process.arch}`)
    }
    return `${folder} installed in the cache`
  })
}

/** All or nothing, so that what is in the cache can be relied on. */
async function allOrNothing(folder, install) {
  mkdirSync(join(folder, '..'), { recursive: true })
  const unfinished = mkdtempSync(`${folder}.`)
  try {
    await install(unfinished)
    // Another run that installed the same meanwhile did it as well as this one.
    if (!existsSync(folder)) renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function npmPackages(...packages) {
  const args = ['install', '--no-audit', '--no-fund', '--prefix']
  return {
    what: `npm install ${packages.join(' ')}`,
    install: (folder) => npm([...args, folder, ...packages]),
  }
}

const existing = (folder, path) => (existsSync(join(folder, path)) ? folder : undefined)

function folderOf(name) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(cache, 'sandbox-mcp-test', programs[name].folder)
}

/** The package for this platform keeps it in `vendor/<target triple>/bin`. */
function nativeBinary(scope) {
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    const vendor = join(scope, name, 'vendor')
    for (const triple of existsSync(vendor) ? readdirSync(vendor) : []) {
      const binary = join(vendor, triple, 'bin/codex')
      if (existsSync(binary)) return binary
    }
  }
  return undefined
}
