/**
 * The gateway of the test double, a process of its own: `node gateway.mjs STATE SUPERVISOR`. It does
 * what the test process tells it over the IPC channel, and ends with that.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultKnobs, type Knobs } from '../protocol.ts'
import { Gateway } from './gateway.ts'
import type { Order } from './orders.ts'
import { GatewayServer } from './server.ts'

const [, , state = '', supervisor = ''] = process.argv
let knobs: Knobs = defaultKnobs
const gateway = new Gateway(state, supervisor, () => knobs)
const server = new GatewayServer(gateway)

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'set':
      knobs = { ...knobs, ...order.knobs }
      writeFileSync(join(state, 'knobs.json'), JSON.stringify(knobs))
      if (order.knobs.refuseConnections !== undefined) gateway.relays.resetCount()
      for (const record of gateway.records) record.feel(knobs)
      return
    case 'up':
      return server.up()
    case 'down':
      return server.down()
    case 'restart':
      return gateway.restart(order.downMs)
    case 'drop':
      return gateway.relays.drop()
    case 'killProxy':
      return gateway.relays.killProxy()
    case 'fail': {
      const record = gateway.byName(order.name)
      await record.halt()
      return record.become('Error', order.condition)
    }
    case 'lose': {
      const record = gateway.byName(order.name)
      await record.halt()
      record.lost = true
      return
    }
    case 'connections': {
      const counts = gateway.relays.counts()
      return Object.fromEntries(
        gateway.records.map((record) => [record.name, counts[record.id] ?? 0]),
      )
    }
    case 'close':
      await gateway.close()
      return server.down()
  }
}

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  obey(order).then(
    (result) => process.send?.({ id, result }),
    (error) => process.send?.({ id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
