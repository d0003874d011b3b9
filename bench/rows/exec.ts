/** `exec true`, warm, on every backend, beside what else runs a command. */

import { apiExec, dockerExec } from '../parts/docker-exec.ts'
import { lineShell } from '../parts/line-shell.ts'
import { gatewayControlMaster } from '../parts/openshell.ts'
import { controlMaster, type Ssh } from '../parts/openssh.ts'
import { ours, type Place } from '../parts/ours.ts'
import { run } from '../parts/programs.ts'
import { execWith, type PeerName, peer } from '../peers.ts'
import type { Need, Peer, Row, Section } from '../row.ts'
import { type Sample, timed } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { atMost } from '../target.ts'

const spawned: Peer = {
  name: 'Node spawn, no sandbox',
  target: atMost(1),
  open: async () => timed(() => run('/bin/true', [])),
}

const inContainer = (place: Place): Peer => ({
  name: 'docker exec',
  target: atMost(1 / 15),
  async open(stage) {
    const { sandbox } = await ours(stage, place)
    return timed(() => dockerExec(sandbox, ['true']))
  },
})

const overApi: Peer = {
  name: 'dockerode exec',
  async open(stage) {
    const { sandbox } = await ours(stage, 'docker')
    return timed(() => apiExec(sandbox, ['true']))
  },
}

const openSsh: Peer = {
  name: 'ssh, ControlMaster',
  target: atMost(1 / 5),
  async open(stage) {
    const { args } = await controlMaster(stage)
    return timed(() => run('ssh', [...args, 'true']))
  },
}

/** What the way there costs whoever takes it. */
const throughGateway: Peer = {
  name: 'the same through the gateway',
  async open(stage) {
    const { args } = await gatewayControlMaster(stage)
    return timed(() => run('ssh', [...args, 'true']))
  },
}

/** The least that a command can cost by that way: no process here, no connection, no MCP. */
const waitingShell = (name: string, master: (stage: Stage) => Promise<Ssh>): Peer => ({
  name,
  async open(stage) {
    const { args } = await master(stage)
    const shell = await stage.once(name, () => lineShell('ssh', [...args, 'sh']))
    return timed(() => shell.run('/bin/true'))
  },
})

const lineOverSsh = waitingShell('a line to a waiting shell', controlMaster)
const lineThroughGateway = waitingShell('such a line through the gateway', gatewayControlMaster)

const otherServer = (name: PeerName): Peer => ({
  name,
  fullOnly: true,
  async open(stage) {
    const server = await peer(stage, name, stage.directory('others'))
    return timed(async () => execWith[name]?.(server, 'true'))
  },
})

const others = (['desktop-commander', 'codex-shell-tool', 'just-bash-mcp'] as const).map(
  otherServer,
)

const openShellPeers = [openSsh, throughGateway, lineThroughGateway]

const row = (place: Place, title: string, need: Need | undefined, peers: readonly Peer[]): Row => ({
  id: `exec/${place}`,
  title: `exec true, ${title}`,
  unit: 'ms',
  needs: need === undefined ? [] : [need],
  ours: (stage) => execTrue(stage, place),
  peers,
})

async function execTrue(stage: Stage, place: Place): Promise<Sample> {
  const server = await ours(stage, place)
  return timed(async () => {
    const { structuredContent } = await server.call('exec', { command: 'true' })
    if (structuredContent?.exitCode !== 0) throw new Error(JSON.stringify(structuredContent))
  })
}

export const exec: Section = {
  name: 'exec',
  rows: [
    row('docker', 'Docker', 'docker', [spawned, inContainer('docker'), overApi, ...others]),
    row('docker-busybox', 'Docker, BusyBox image', 'docker', [
      spawned,
      inContainer('docker-busybox'),
    ]),
    row('bubblewrap', 'bubblewrap', 'bubblewrap', [spawned]),
    row('host', 'no sandbox (mode off)', undefined, [spawned]),
    row('ssh', 'SSH', 'ssh', [openSsh, lineOverSsh]),
    row('openshell', 'OpenShell mirror', 'openshell-double', openShellPeers),
    {
      ...row('openshell-remote', 'OpenShell remote', 'openshell-double', openShellPeers),
      fullOnly: true,
    },
  ],
}
