/** Many at once, and many in a row without a breath. */
import { dockerExec } from '../parts/docker-exec.ts'
import { controlMaster } from '../parts/openssh.ts'
import { type Ours, ours, type Place } from '../parts/ours.ts'
import { run } from '../parts/programs.ts'
import type { Need, Peer, Row, Section } from '../row.ts'
import { type Effort, timed } from '../sampling.ts'
import { limit } from '../target.ts'

const many = 32

/** Until a server has as many shells that wait as it keeps for such a client: an engine takes its time for each. */
const warmRounds = 10
const warmPauseMs = 500

const atOnce = (action: () => Promise<unknown>) => () =>
  Promise.all(Array.from({ length: many }, action))

async function execTrue(server: Ours): Promise<void> {
  const { structuredContent } = await server.call('exec', { command: 'true' })
  if (structuredContent?.exitCode !== 0) throw new Error(JSON.stringify(structuredContent))
}

const spawned: Peer = {
  name: 'Node spawn, no sandbox',
  open: async () => timed(atOnce(() => run('/bin/true', []))),
}

const docker: Peer = {
  name: 'docker exec',
  fullOnly: true,
  async open(stage) {
    const { sandbox } = await ours(stage, 'docker')
    return timed(atOnce(() => dockerExec(sandbox, ['true'])))
  },
}

const openSsh: Peer = {
  name: 'ssh, ControlMaster',
  async open(stage) {
    const { args } = await controlMaster(stage)
    // sshd takes ten commands over one connection, and refuses the eleventh.
    const eight = () => Promise.all(Array.from({ length: 8 }, () => run('ssh', [...args, 'true'])))
    return timed(async () => {
      for (let n = 0; n < many; n += 8) await eight()
    })
  },
}

const effort = (usual: Effort): Effort => ({ ...usual, samples: Math.min(usual.samples, 30) })

const together = (
  place: Place,
  title: string,
  need: Need,
  peers: readonly Peer[],
  fullOnly = false,
): Row => ({
  id: `parallel/${place}`,
  title: `${many} execs at once, ${title}`,
  unit: 'ms',
  needs: [need],
  fullOnly,
  target: limit(60),
  effort,
  async ours(stage) {
    const server = await ours(stage, place)
    await stage.once(`warm-${place}`, async () => {
      for (let n = 0; n < warmRounds; n++) {
        await atOnce(() => execTrue(server))()
        await new Promise((resolve) => setTimeout(resolve, warmPauseMs))
      }
      return { value: undefined, close: async () => {} }
    })
    return timed(atOnce(() => execTrue(server)))
  },
  peers,
})

const inARow: Row = {
  id: 'parallel/in-a-row',
  title: `${many} execs one by one, Docker`,
  unit: 'ms',
  needs: ['docker'],
  fullOnly: true,
  effort,
  async ours(stage) {
    const server = await ours(stage, 'docker')
    return timed(async () => {
      for (let n = 0; n < many; n++) await execTrue(server)
    })
  },
  peers: [
    {
      name: 'Node spawn, no sandbox',
      open: async () =>
        timed(async () => {
          for (let n = 0; n < many; n++) await run('/bin/true', [])
        }),
    },
  ],
}

export const parallel: Section = {
  name: 'parallel',
  rows: [
    together('docker', 'Docker', 'docker', [spawned, docker]),
    together('bubblewrap', 'bubblewrap', 'bubblewrap', [spawned]),
    together('ssh', 'SSH', 'ssh', [openSsh]),
    together('openshell-remote', 'OpenShell remote', 'openshell-double', [spawned], true),
    inARow,
  ],
}
