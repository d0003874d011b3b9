/** What servers take while nothing happens. */
import { rmSync } from 'node:fs'
import { entry, type McpServer, type Start, startServer } from '../mcp-server.ts'
import { floorServer } from '../parts/floor-server.ts'
import { memoryOfSessionsAlone } from '../parts/many-sessions.ts'
import { memoryOf } from '../parts/memory.ts'
import { openOurs } from '../parts/ours.ts'
import { startToAnswer } from '../parts/start-up.ts'
import { type PeerName, peerStart } from '../peers.ts'
import type { Peer, Row, Section } from '../row.ts'
import type { Effort, Sample } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { limit } from '../target.ts'

const few = (effort: Effort): Effort => ({ ...effort, samples: Math.min(effort.samples, 5) })

/** Once `tools/list` is answered. */
function idle(start: () => Promise<McpServer>): Sample {
  return async () => {
    const server = await start()
    try {
      return memoryOf(server.pid).now
    } finally {
      await server.close()
    }
  }
}

const floor: Peer = {
  name: 'bare Node loop',
  async open(stage) {
    const file = floorServer(stage)
    return async () => {
      const server = await startToAnswer([file], stage.directory('floor'))
      const { now } = memoryOf(server.pid)
      await server.end()
      return now
    }
  },
}

const other = (name: PeerName): Peer => ({
  name,
  fullOnly: true,
  async open(stage) {
    const start: Start = await peerStart(stage, name, stage.directory('others'))
    return idle(() => startServer(start))
  },
})

const atStart: Row = {
  id: 'memory/idle',
  title: 'memory of the server, tools listed',
  unit: 'MB',
  needs: [],
  target: limit(60),
  effort: few,
  async ours(stage) {
    const args = [entry, '--workspace', stage.directory('memory')]
    return idle(() => startServer({ args, home: stage.directory('memory-home') }))
  },
  peers: [floor, other('server-filesystem'), other('desktop-commander')],
}

const afterExec: Row = {
  id: 'memory/used',
  title: 'memory of the server, 100 execs later (Docker)',
  unit: 'MB',
  needs: ['docker'],
  fullOnly: true,
  effort: (effort) => ({ ...few(effort), samples: 3 }),
  ours: async (stage) => () => afterExecs(stage),
  peers: [],
}

async function afterExecs(stage: Stage): Promise<number> {
  const folder = stage.directory('memory-used')
  const server = await openOurs(stage, 'docker', folder)
  try {
    for (let n = 0; n < 100; n++) await server.call('exec', { command: 'true' })
    return memoryOf(server.pid).now
  } finally {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const count = 200

/** One process, through the code that puts a server's session together; see `parts/many-sessions.ts`. */
const sessions: Row = {
  id: 'memory/200-sessions',
  title: `memory of each of ${count} sessions in one server (bubblewrap)`,
  unit: 'MB',
  needs: ['bubblewrap'],
  fullOnly: true,
  target: limit(1),
  effort: (effort) => ({ ...effort, samples: 1, least: 1 }),
  ours: async (stage) => () => memoryOfSessionsAlone(count, stage.directory('sessions')),
  peers: [],
}

export const memory: Section = { name: 'memory', rows: [atStart, afterExec, sessions] }
