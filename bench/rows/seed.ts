/** The first copy of a workspace to where its sandbox is, beside tar over ssh. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { gatewayControlMaster, sandboxFolder } from '../parts/openshell.ts'
import { controlMaster, type Ssh } from '../parts/openssh.ts'
import { openOurs, type Place } from '../parts/ours.ts'
import { run } from '../parts/programs.ts'
import { tarOverSsh } from '../parts/rsync.ts'
import { makeTree } from '../parts/trees.ts'
import type { Need, Peer, Row, Section } from '../row.ts'
import type { Effort, Sample } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { atLeast } from '../target.ts'

const [files, bytes] = [10_000, 10_000]
const megabytes = (files * bytes) / 1e6

/** Megabytes in a second. */
const speed = (ms: number) => megabytes / (ms / 1000)

/** A tree that is only read. */
async function source(stage: Stage): Promise<string> {
  const folder = stage.directory('seed-source')
  await stage.once('seed-source', async () => {
    makeTree(folder, files, bytes)
    return { value: undefined, close: async () => {} }
  })
  return folder
}

/** How long a new sandbox's first exec takes. */
async function firstExec(stage: Stage, place: Place, workspace: string): Promise<number> {
  const folder = stage.directory('seeded')
  const server = await openOurs(stage, place, folder, workspace)
  try {
    const started = performance.now()
    await server.call('exec', { command: 'true', yieldMs: 300_000 })
    return performance.now() - started
  } finally {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a full workspace takes more than an empty one: the rest is what opens any sandbox. */
async function ourSeed(stage: Stage, place: Place): Promise<Sample> {
  const full = await source(stage)
  return async () => {
    const without = await firstExec(stage, place, stage.directory('seed-empty'))
    const all = await firstExec(stage, place, full)
    return speed(Math.max(all - without, 1))
  }
}

/** The folder is on the far side. */
async function tarSeed(stage: Stage, ssh: Ssh, to: string): Promise<Sample> {
  const from = await source(stage)
  return async () => {
    await run('ssh', [...ssh.args, `rm -rf ${to} && mkdir ${to}`])
    const started = performance.now()
    await tarOverSsh(ssh, from, to)
    return speed(performance.now() - started)
  }
}

const tar: Peer = {
  name: 'tar | ssh tar',
  target: atLeast(0.9),
  open: async (stage) =>
    tarSeed(stage, await controlMaster(stage), join(stage.folder, 'tar-target')),
}

/** What the way there lets through. */
const tarThroughGateway: Peer = {
  name: 'the same through the gateway',
  open: async (stage) =>
    tarSeed(stage, await gatewayControlMaster(stage), `${sandboxFolder}/tar-target`),
}

const row = (place: Place, title: string, needs: readonly Need[], peers: readonly Peer[]): Row => ({
  id: `seed/${place}`,
  title,
  unit: 'MB/s',
  needs,
  fullOnly: place === 'openshell',
  effort: ({ samples, budgetMs }: Effort) => ({
    samples: Math.min(samples, 8),
    budgetMs: budgetMs * 2,
    least: 3,
  }),
  ours: (stage) => ourSeed(stage, place),
  peers,
})

export const seed: Section = {
  name: 'seed',
  rows: [
    row('ssh', 'seed 10,000 files, 100 MB (SSH)', ['ssh'], [tar]),
    row(
      'openshell',
      'first push of 10,000 files, 100 MB',
      ['openshell-double', 'ssh'],
      [tar, tarThroughGateway],
    ),
  ],
}
