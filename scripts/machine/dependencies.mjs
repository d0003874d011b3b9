// The two steps every script starts with: the dependencies the lock file names, and dist/.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { quietly } from './run.mjs'
import { done, during } from './say.mjs'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs `npm ci` unless what is installed is what package-lock.json says. */
export async function ensureDependencies() {
  const reason = outdated()
  if (reason === undefined) return done('dependencies', 'installed')
  await during('dependencies', `npm ci (${reason})`, async () => {
    await npm(['ci', '--no-audit', '--no-fund'])
    return 'installed with npm ci'
  })
}

export async function buildServer() {
  await during('build', 'npm run build', async () => {
    await npm(['run', 'build'])
    return 'dist/main.js'
  })
}

/** npm leaves a copy of the lock file in node_modules; times of files would not survive a checkout. */
function outdated() {
  const wanted = packages(`${root}package-lock.json`)
  const installed = packages(`${root}node_modules/.package-lock.json`)
  if (installed === undefined) return 'nothing is installed'
  for (const [path, entry] of Object.entries(wanted ?? {})) {
    if (path === '') continue
    const version = installed[path]?.version
    // What is optional may be meant for another platform.
    if (version === undefined && (entry.optional || entry.devOptional || entry.peer)) continue
    if (version !== entry.version) return 'package-lock.json is newer'
  }
  return undefined
}

function packages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Runs npm as the person at the terminal would, in the checkout. */
export function npm(args) {
  const script = process.env.npm_execpath
  // Under another package manager's `run`, npm_execpath is that one's.
  if (script !== undefined && /npm-cli\.c?js$/.test(script)) {
    return quietly(process.execPath, [script, ...args], { cwd: root })
  }
  if (process.platform !== 'win32') return quietly('npm', args, { cwd: root })
  return quietly('cmd.exe', ['/d', '/s', '/c', 'npm', ...args], { cwd: root })
}
