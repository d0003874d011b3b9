// Podman's Docker-compatible service, with storage and settings of its own in one folder. As a program,
// `node podman.mjs FOLDER` runs it with the smaller of the tests' images until its stdin ends; what it says
// last is its socket.
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { ensureImages } from '../../test/images/build.mjs'
import { findEngine } from './docker.mjs'
import { capture, isRoot, Problem, runMain, which } from './run.mjs'

/** `{ version }` when it can start a container here, else `{ problem }`. */
export async function findPodman() {
  if (process.platform !== 'linux') return { problem: 'the tests start Podman on Linux only' }
  if (which('podman') === undefined) return { problem: 'podman is not installed' }
  // Without root it takes ranges of user ids that somebody has to hand out first.
  if (!isRoot) return { problem: 'the tests start Podman as root only' }
  const busybox = which('busybox')
  if (busybox === undefined) return { problem: 'busybox is not installed' }
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-podman-'))
  const podman = podmanIn(folder)
  try {
    const root = join(folder, 'rootfs')
    mkdirSync(join(root, 'bin'), { recursive: true })
    cpSync(busybox, join(root, 'bin/busybox'))
    const options = ['run', '--rm', '--init', '--network', 'none', '--rootfs', root]
    const tried = await podman.run([...options, '/bin/busybox', 'true'])
    if (tried.code !== 0) return { problem: `podman starts no container: ${tried.stderr.trim()}` }
    const { stdout } = await podman.run(['--version'])
    return { version: stdout.trim().split(' ').at(-1) }
  } finally {
    await podman.remove()
  }
}

function podmanIn(folder) {
  const conf = join(folder, 'containers.conf')
  const lines = [
    '[containers]',
    // Raising limits takes a right that root in a container does not have.
    'default_ulimits = []',
    '[engine]',
    // There need be no systemd to ask for a control group, or to write a journal.
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    // Debian's crun refuses control groups of both versions side by side.
    ...(which('runc') === undefined ? [] : ['runtime = "runc"']),
  ]
  writeFileSync(conf, `${lines.join('\n')}\n`)
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run')]
  const options = [...storage, '--tmpdir', join(folder, 'tmp'), '--storage-driver', 'overlay']
  // One that is set, be it to nothing, makes podman talk to a service instead of being one.
  const env = { CONTAINERS_CONF: conf, CONTAINER_HOST: undefined }
  return {
    run: (args) => capture('podman', [...options, ...args], { env, timeoutMs: 60_000 }),
    serve: (socket) =>
      spawn('podman', [...options, 'system', 'service', '--time=0', `unix://${socket}`], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      }),
    async remove() {
      await capture('podman', [...options, 'rm', '--all', '--force', '--time', '0'], { env })
      // Its monitors of what was run in containers wait minutes for somebody to ask how that ended.
      for (const pid of monitorsIn(folder)) kill(pid)
      await capture('umount', [join(folder, 'storage/overlay')])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function monitorsIn(folder) {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return program.endsWith('conmon') && words.some((word) => word.startsWith(`${folder}/`))
      } catch {
        return false
      }
    })
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

async function serve(folder) {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  const podman = podmanIn(folder)
  const socket = join(folder, 'podman.sock')
  const service = podman.serve(socket)
  const ended = new Promise((resolve) => service.on('exit', resolve))
  let log = ''
  service.stderr.setEncoding('utf8').on('data', (text) => {
    log = (log + text).slice(-4000)
  })
  try {
    process.env.DOCKER_HOST = `unix://${socket}`
    const engine = await answering(socket, ended)
    if (engine === undefined) throw new Problem(`Podman's service does not answer: ${log.trim()}`)
    await ensureImages(engine, ['sandbox-mcp-test/busybox:1'])
    process.stdout.write(`${JSON.stringify({ socket })}\n`)
    process.stdin.resume()
    await Promise.race([ended, new Promise((resolve) => process.stdin.on('end', resolve))])
  } finally {
    service.kill('SIGTERM')
    await ended
    await podman.remove()
  }
  return 0
}

async function answering(socket, ended) {
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  for (let tries = 0; tries < 240 && !isOver; tries += 1) {
    if (existsSync(socket)) {
      const { engine } = await findEngine()
      if (engine !== undefined) return engine
    }
    await Promise.race([ended, sleep(250)])
  }
  return undefined
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(() => serve(process.argv[2] ?? ''))
}
