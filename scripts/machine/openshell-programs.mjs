// The real `openshell`, out of its wheels on PyPI; later versions have no program in theirs.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { capture, Problem, quietly, which } from './run.mjs'

const architectures = { x64: 'x86_64', arm64: 'aarch64' }

/** The Debian package that is missing for it, if any. */
export async function neededForOpenShell() {
  const python = which('python3')
  if (python === undefined) return ['python3-pip']
  const { code } = await capture(python, ['-m', 'pip', '--version'])
  return code === 0 ? [] : ['python3-pip']
}

/** Puts each of `versions` at `<folder>/<version>/openshell`. */
export async function installOpenShell(folder, versions) {
  const architecture = architectures[process.arch]
  if (process.platform !== 'linux' || architecture === undefined) {
    throw new Problem(`the wheels that have a program are not for ${process.platform} here`)
  }
  if ((await neededForOpenShell()).length > 0) throw new Problem('pip is not installed')
  for (const version of versions) {
    const place = join(folder, version)
    const wheels = join(place, 'wheel')
    mkdirSync(wheels, { recursive: true })
    const pip = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--python-version',
      '3.12',
    ]
    // Its wheels say that they need a newer C library than they do.
    const platform = ['--platform', `manylinux_2_39_${architecture}`]
    await quietly('python3', [...pip, ...platform, '-d', wheels, `openshell==${version}`])
    const [wheel] = readdirSync(wheels)
    await quietly('python3', ['-m', 'zipfile', '-e', join(wheels, wheel), wheels])
    const program = join(place, 'openshell')
    copyFileSync(join(wheels, `openshell-${version}.data/scripts/openshell`), program)
    rmSync(wheels, { recursive: true })
    await makeRunnable(program)
  }
}

async function makeRunnable(program) {
  const bytes = readFileSync(program)
  chmodSync(program, 0o755)
  if ((await capture(program, ['--version'])).code === 0) return
  dropGlibc239(bytes)
  writeFileSync(program, bytes)
  const { code, stderr } = await capture(program, ['--version'])
  if (code !== 0) throw new Problem(`openshell does not run here: ${stderr.trim()}`)
}

/**
 * All that the program wants of glibc 2.39 is two weak symbols, which may be missing. Still the loader
 * refuses an older library, unless the record of that need asks for a version that is needed anyway.
 */
function dropGlibc239(bytes) {
  const [from, to] = ['GLIBC_2.34', 'GLIBC_2.39'].map((version) => {
    const record = Buffer.alloc(6)
    record.writeUInt32LE(elfHash(version))
    return bytes.indexOf(record)
  })
  if (from < 0 || to < 0)
    throw new Problem('openshell needs a newer C library than this machine has')
  // A record is hash, flags, index and name, of 4, 2, 2 and 4 bytes.
  bytes.copy(bytes, to, from, from + 4)
  bytes.copy(bytes, to + 8, from + 8, from + 12)
}

function elfHash(name) {
  let hash = 0
  for (const byte of Buffer.from(name)) {
    hash = (hash << 4) + byte
    const high = hash & 0xf0000000
    hash = (hash ^ (high >>> 24)) & ~high
  }
  return hash >>> 0
}
