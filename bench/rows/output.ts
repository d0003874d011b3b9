/** A command that prints 50 MB: how fast it is taken, and what it costs in memory. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dockerExec } from '../parts/docker-exec.ts'
import { forgetPeak, memoryOf } from '../parts/memory.ts'
import { controlMaster } from '../parts/openssh.ts'
import { type Ours, openOurs, ours, type Place } from '../parts/ours.ts'
import { run } from '../parts/programs.ts'
import type { Need, Peer, Row, Section } from '../row.ts'
import type { Effort, Sample } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { atLeast, limit } from '../target.ts'

const megabytes = 50
const name = 'fifty-megabytes.txt'

/** A server with the file in its workspace, which the sandbox has as well. */
async function withFile(stage: Stage, place: Place): Promise<Ours> {
  const server = await ours(stage, place)
  await stage.once(`output-${place}`, async () => {
    const line = `${'fifty megabytes of text in lines of eighty characters, '.padEnd(79, 'x')}\n`
    writeFileSync(join(server.workspace, name), line.repeat((megabytes * 1e6) / line.length))
    return { value: undefined, close: async () => {} }
  })
  return server
}

/** Far workspaces are filled when the sandbox is opened, so the first command is one of the warm-up. */
async function print(server: Ours): Promise<number> {
  const started = performance.now()
  const args = { command: `cat ${name}`, yieldMs: 300_000 }
  const { structuredContent } = await server.call('exec', args)
  const elapsed = performance.now() - started
  if (structuredContent?.exitCode !== 0) throw new Error(JSON.stringify(structuredContent))
  return megabytes / (elapsed / 1000)
}

function delivered(action: () => Promise<Buffer>): Sample {
  return async () => {
    const started = performance.now()
    const { length } = await action()
    if (length !== megabytes * 1e6) throw new Error(`${length} bytes came`)
    return megabytes / ((performance.now() - started) / 1000)
  }
}

const throughDocker: Peer = {
  name: 'docker exec',
  target: atLeast(0.8),
  async open(stage) {
    const { sandbox } = await withFile(stage, 'docker')
    return delivered(() => dockerExec(sandbox, ['cat', `/workspace/${name}`]))
  },
}

const throughPipe: Peer = {
  name: 'Node spawn, no sandbox',
  async open(stage) {
    const { workspace } = await withFile(stage, 'bubblewrap')
    return delivered(() => run('cat', [join(workspace, name)]))
  },
}

const throughSsh: Peer = {
  name: 'ssh, ControlMaster',
  target: atLeast(0.8),
  async open(stage) {
    const { workspace } = await withFile(stage, 'ssh')
    const { args } = await controlMaster(stage)
    return delivered(() => run('ssh', [...args, `cat ${join(workspace, name)}`]))
  },
}

const few = (effort: Effort): Effort => ({ ...effort, samples: Math.min(effort.samples, 12) })

const speed = (place: Place, title: string, need: Need, peer: Peer): Row => ({
  id: `output/${place}`,
  title: `${megabytes} MB of output, ${title}`,
  unit: 'MB/s',
  needs: [need],
  effort: few,
  async ours(stage) {
    const server = await withFile(stage, place)
    return () => print(server)
  },
  peers: [peer],
})

/** The most a new server had more while it took its first large output than before it. */
const growth: Row = {
  id: 'output/memory',
  title: `server's growth with ${megabytes} MB of output`,
  unit: 'MB',
  needs: ['docker'],
  target: limit(30),
  effort: (effort) => ({ ...effort, samples: Math.min(effort.samples, 5) }),
  ours: async (stage) => () => grown(stage),
  peers: [],
}

async function grown(stage: Stage): Promise<number> {
  const { workspace } = await withFile(stage, 'docker')
  const folder = stage.directory('grown')
  const server = await openOurs(stage, 'docker', folder, workspace)
  try {
    await server.call('exec', { command: 'true' })
    const before = memoryOf(server.pid).now
    forgetPeak(server.pid)
    await print(server)
    return memoryOf(server.pid).peak - before
  } finally {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export const output: Section = {
  name: 'output',
  rows: [
    speed('docker', 'Docker', 'docker', throughDocker),
    growth,
    speed('bubblewrap', 'bubblewrap', 'bubblewrap', throughPipe),
    speed('ssh', 'SSH', 'ssh', throughSsh),
  ],
}
