/** A whole exec on a mirrored workspace, beside the rsync that others keep one in step with. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { textOf } from '../mcp-server.ts'
import { type Ours, ours } from '../parts/ours.ts'
import { type Rsync, rsyncOf } from '../parts/rsync.ts'
import { makeTree } from '../parts/trees.ts'
import type { Peer, Row, Section } from '../row.ts'
import type { Effort, Sample } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { atMost } from '../target.ts'

/** What changed since the last exec. */
type Change = 'nothing' | 'host' | 'inside' | 'each-way'

const titles: Readonly<Record<Change, string>> = {
  nothing: 'nothing changed',
  host: 'one file changed on the host',
  inside: 'one file changed inside',
  'each-way': 'one file changed each way',
}

/** Files of 10 KB, and of 1 KB where there would be a gigabyte of them. */
const bytesOf = (files: number) => (files > 10_000 ? 1_000 : 10_000)

/** The host's file that changes, and the one that commands change. */
const [onHost, inside] = ['d0/f1', 'd1/f51']

/** Changes that are told apart by a number, so that each can be seen to have arrived. */
let changes = 0

/** A server on a tree of that many files, which are there inside too. */
async function mirrored(stage: Stage, files: number): Promise<Ours> {
  const server = await ours(stage, 'openshell', `mirror-${files}`)
  await stage.once(`tree-${files}`, async () => {
    makeTree(server.workspace, files, bytesOf(files))
    await server.call('exec', { command: 'true', yieldMs: 300_000 })
    return { value: undefined, close: async () => {} }
  })
  return server
}

async function ourExec(stage: Stage, files: number, change: Change): Promise<Sample> {
  const server = await mirrored(stage, files)
  return async () => {
    changes += 1
    const text = changeText()
    const [up, down] = [onHost, inside].map((path) => join(server.workspace, path))
    const fromHost = change === 'host' || change === 'each-way'
    const fromInside = change === 'inside' || change === 'each-way'
    if (fromHost) writeFileSync(up as string, text)
    const command = [
      ...(fromHost ? [`cat ${onHost}`] : []),
      ...(fromInside ? [`echo ${text.trim()} > ${inside}`] : []),
    ].join('; ')
    const started = performance.now()
    const result = await server.call('exec', { command: command || 'true' })
    const elapsed = performance.now() - started
    if (fromHost && !textOf(result).includes(text)) throw new Error(`not pushed: ${textOf(result)}`)
    if (fromInside && readFileSync(down as string, 'utf8') !== text) throw new Error('not pulled')
    return elapsed
  }
}

/** Of another length each time: rsync takes a file of the same size and second for the same. */
const changeText = () => `change ${changes}${'.'.repeat(changes % 50)}\n`

/** Two directories of the same tree with rsync between them. */
async function synced(stage: Stage, files: number) {
  const here = stage.directory(`rsync-${files}-here`)
  const there = stage.directory(`rsync-${files}-there`)
  const rsync = await rsyncOf(stage, here, there)
  await stage.once(`rsync-${files}`, async () => {
    makeTree(here, files, bytesOf(files))
    await rsync.up()
    return { value: undefined, close: async () => {} }
  })
  return { here, there, rsync }
}

async function rsyncOnce(
  stage: Stage,
  files: number,
  change: Change,
  steps: (rsync: Rsync) => Promise<unknown>,
): Promise<Sample> {
  const { here, there, rsync } = await synced(stage, files)
  return async () => {
    changes += 1
    const text = changeText()
    const [from, to, path] = change === 'inside' ? [there, here, inside] : [here, there, onHost]
    if (change !== 'nothing') writeFileSync(join(from, path), text)
    const started = performance.now()
    await steps(rsync)
    const elapsed = performance.now() - started
    if (change !== 'nothing' && readFileSync(join(to, path), 'utf8') !== text) {
      throw new Error('rsync copied nothing')
    }
    return elapsed
  }
}

function row(files: number, change: Change): Row {
  const measured = files === 10_000
  const target = measured ? { target: atMost(change === 'nothing' ? 1 / 3 : 1 / 2) } : {}
  const once: Peer = {
    name: change === 'inside' ? 'one rsync down' : 'one rsync up',
    ...target,
    open: (stage) =>
      rsyncOnce(stage, files, change, (rsync) => (change === 'inside' ? rsync.down() : rsync.up())),
  }
  const bothWays: Peer = {
    name: 'rsync up, ssh, rsync down',
    fullOnly: true,
    open: (stage) =>
      rsyncOnce(stage, files, change, async (rsync) => {
        await rsync.up()
        await rsync.command()
        await rsync.down()
      }),
  }
  return {
    id: `mirror/${change}-${files}`,
    title: `mirror ${files.toLocaleString('en')}: ${titles[change]}`,
    unit: 'ms',
    needs: ['openshell-double', 'ssh', 'rsync'],
    fullOnly: !measured || change === 'host' || change === 'inside',
    effort,
    ours: (stage) => ourExec(stage, files, change),
    peers: [once, ...(measured && change === 'each-way' ? [bothWays] : [])],
  }
}

const effort = ({ samples, budgetMs }: Effort): Effort => ({
  samples: Math.min(samples, 40),
  budgetMs: budgetMs * 1.5,
  least: 3,
})

const growth = [100, 1_000, 100_000].map((files) =>
  (['nothing', 'each-way'] as const).map((change) => row(files, change)),
)

/** Each size is a section, so that one tree at a time is in memory. */
export const mirror: readonly Section[] = [
  ...growth.slice(0, 2),
  (['nothing', 'host', 'inside', 'each-way'] as const).map((change) => row(10_000, change)),
  ...growth.slice(2),
].map((rows) => ({ name: 'mirror', rows }))
