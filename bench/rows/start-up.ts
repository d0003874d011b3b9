/** From nothing to an answer, and to a sandbox that answers. */
import { rmSync } from 'node:fs'
import { images } from '../../test/support/available.ts'
import { entry } from '../mcp-server.ts'
import { floorServer } from '../parts/floor-server.ts'
import { sshd } from '../parts/openssh.ts'
import { openOurs, type Place } from '../parts/ours.ts'
import { run } from '../parts/programs.ts'
import { startToAnswer } from '../parts/start-up.ts'
import { type PeerName, peerStart } from '../peers.ts'
import type { Need, Peer, Row, Section } from '../row.ts'
import { type Effort, type Sample, timed } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { atMost } from '../target.ts'

const answer = (args: readonly string[], home: string): Sample => {
  return async () => {
    const server = await startToAnswer(args, home)
    await server.end()
    return server.ms
  }
}

const floor: Peer = {
  name: 'bare Node loop',
  target: atMost(2.7),
  open: async (stage) => answer([floorServer(stage)], stage.directory('floor')),
}

const other = (name: PeerName): Peer => ({
  name,
  fullOnly: true,
  async open(stage) {
    const folder = stage.directory('others')
    const { args, home } = await peerStart(stage, name, folder)
    return answer(args, home)
  },
})

const fewer = ({ samples, budgetMs, least }: Effort): Effort => ({
  samples: Math.min(samples, 30),
  budgetMs,
  least,
})

const initialize: Row = {
  id: 'start/initialize',
  title: 'start to answered initialize',
  unit: 'ms',
  needs: [],
  effort: fewer,
  ours: async (stage) =>
    answer([entry, '--workspace', stage.directory('started')], stage.directory('start-home')),
  peers: [floor, other('server-filesystem'), other('desktop-commander')],
}

/** A server and its sandbox from nothing to the first command's result. */
const firstSandbox = (place: Place, title: string, needs: readonly Need[], peers: Peer[]): Row => ({
  id: `first/${place}`,
  title: `first sandbox ready, ${title}`,
  unit: 'ms',
  needs,
  fullOnly: place === 'openshell',
  effort: (effort) => ({ ...fewer(effort), samples: Math.min(effort.samples, 10) }),
  ours: async (stage) => () => firstResult(stage, place),
  peers,
})

async function firstResult(stage: Stage, place: Place): Promise<number> {
  const folder = stage.directory(`first-${place}`)
  const started = performance.now()
  const server = await openOurs(stage, place, folder)
  try {
    await server.call('exec', { command: 'true' })
    return performance.now() - started
  } finally {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const dockerRun: Peer = {
  name: 'docker run --rm',
  open: async () =>
    timed(() => run('docker', ['run', '--rm', '--network', 'none', images.debian, 'true'])),
}

const bwrap: Peer = {
  name: 'bwrap',
  open: async () =>
    timed(() =>
      run('bwrap', [
        ...['--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev'],
        'true',
      ]),
    ),
}

const sshAnew: Peer = {
  name: 'ssh, a new connection',
  async open(stage) {
    const { settings, port } = await sshd(stage)
    const options = [
      ...['-F', 'none', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes'],
      ...['-i', settings.identityFile ?? '', '-p', `${port}`],
      ...['-o', `UserKnownHostsFile=${settings.knownHostsFile}`],
    ]
    const target = (settings.target ?? '').replace(/:\d+$/, '')
    return timed(() => run('ssh', [...options, target, 'true']))
  },
}

export const startUp: Section = {
  name: 'start-up',
  rows: [
    initialize,
    firstSandbox('docker', 'Docker', ['docker'], [dockerRun]),
    firstSandbox('bubblewrap', 'bubblewrap', ['bubblewrap'], [bwrap]),
    firstSandbox('ssh', 'SSH', ['ssh'], [sshAnew]),
    firstSandbox('openshell', 'OpenShell mirror', ['openshell-double'], []),
  ],
}
