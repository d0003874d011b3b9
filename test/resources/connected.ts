/** A client of the SDK's, connected in memory to this server's own answers. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import {
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { onTestFinished } from 'vitest'
import { serveOn } from '../../src/mcp/sdk-v1.ts'
import type { Sight } from '../../src/resources/sight.ts'
import type { Session } from '../../src/session.ts'
import { tools } from '../../src/tools/all.ts'
import { checked } from '../support/checked-transport.ts'
import { directorySession } from '../support/directory-session.ts'
import { fixedSession } from '../support/fixed-session.ts'
import { newPlace, type Place } from './world.ts'

export interface Connected extends Place {
  readonly client: Client
  /** URIs of updates, and `list` for a change of the list, in the order they came. */
  readonly heard: string[]
}

/** Ends with the test. */
export async function connect(): Promise<Connected> {
  const place = newPlace()
  const inside = join(place.root, '../inside')
  mkdirSync(inside)
  const session = directorySession(place.root, inside, place.tree)
  const { client, heard } = await clientOf(session, place.sight)
  onTestFinished(async () => {
    await client.close()
    await session.close()
  })
  return { ...place, client, heard }
}

/** A client of a session; to be closed before that. */
export async function clientOf(
  session: Session,
  sight: Sight,
): Promise<Pick<Connected, 'client' | 'heard'>> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await serveOn(ours, {
    version: '0',
    instructions: '',
    tools: async () => tools,
    sessions: fixedSession(session, sight),
  })
  const client = new Client({ name: 'test', version: '0' })
  const heard = listen(client)
  await client.connect(checked(theirs))
  return { client, heard }
}

/** What the client is told from now on. */
export function listen(client: Client): string[] {
  const heard: string[] = []
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    heard.push(params.uri)
  })
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => {
    heard.push('list')
  })
  return heard
}
