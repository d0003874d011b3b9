/** Measures rows: each beside its peers, one after the other. */
import { rm } from 'node:fs/promises'
import { needProblem } from './needs.ts'
import type { Line } from './result.ts'
import { type Peer, type Row, type Section, Unavailable } from './row.ts'
import { byTurns, type Effort, fullEffort, quickEffort } from './sampling.ts'
import type { Stage } from './stage.ts'
import { summarize } from './statistics.ts'
import { holds } from './target.ts'

export interface Wish {
  readonly only: RegExp | undefined
  readonly quick: boolean
}

/** The rows of a section that are wished for. */
function chosen({ rows }: Section, { only, quick }: Wish): Row[] {
  return rows.filter((row) => (only === undefined ? !(quick && row.fullOnly) : only.test(row.id)))
}

/** Calls `tell` with each line as it is known. Rejects when the stage is to end early. */
export async function measureSection(
  section: Section,
  wish: Wish,
  whole: Stage,
  tell: (line: Line) => void,
): Promise<void> {
  const rows = chosen(section, wish)
  if (rows.length === 0) return
  const stage = whole.inner()
  try {
    for (const row of rows) await measureRow(row, wish, stage, tell)
  } finally {
    await stage.close().catch((error: unknown) => {
      const { name } = section
      tell({ row: name, title: `end of ${name}`, unit: 'ms', failed: String(error) })
    })
    // Trees of a hundred thousand files are not to fill the memory of those that come after.
    await rm(stage.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function measureRow(row: Row, wish: Wish, stage: Stage, tell: (line: Line) => void) {
  const { id, title, unit } = row
  const about = { row: id, title, unit }
  const usual = wish.quick ? quickEffort : fullEffort
  const effort = row.effort?.(usual) ?? usual
  const missing = row.needs.map(needProblem).find((problem) => problem !== undefined)
  if (missing !== undefined) return tell({ ...about, skipped: missing })
  const peers = row.peers.filter(({ fullOnly }) => !(wish.quick && fullOnly))
  for (const peer of peers.length > 0 ? peers : [undefined]) {
    const named = peer === undefined ? about : { ...about, peer: { name: peer.name } }
    try {
      tell(await measureLine(row, peer, stage, effort))
    } catch (error) {
      stage.signal.throwIfAborted()
      if (error instanceof Unavailable) tell({ ...named, skipped: error.message })
      else tell({ ...named, failed: String(error instanceof Error ? error.stack : error) })
    }
  }
}

async function measureLine(
  row: Row,
  peer: Peer | undefined,
  stage: Stage,
  effort: Effort,
): Promise<Line> {
  const { id, title, unit } = row
  const worst = unit === 'MB/s' ? 'low' : 'high'
  const subjects = [await row.ours(stage)]
  if (peer !== undefined) subjects.push(await peer.open(stage))
  const [mine = [], theirs] = await byTurns(subjects, effort, stage.signal)
  const ours = summarize(mine, worst)
  const summary = theirs === undefined ? undefined : summarize(theirs, worst)
  const ratio = summary === undefined ? undefined : ours.p50 / summary.p50
  const target = peer?.target ?? (peer === row.peers[0] ? row.target : undefined)
  return {
    row: id,
    title,
    unit,
    ours,
    ...(peer === undefined || summary === undefined ? {} : { peer: { name: peer.name, summary } }),
    ...(ratio === undefined ? {} : { ratio }),
    ...(target === undefined ? {} : { target, held: holds(target, ours.p50, ratio) }),
    ...(row.note === undefined ? {} : { note: row.note(stage) }),
  }
}
