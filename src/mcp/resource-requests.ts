/** Every request of a client about resources, answered without knowing which SDK carries it. */
import { isSandboxError, shown } from '../errors.ts'
import { parseExecUri, readExecLog } from '../resources/exec-log.ts'
import { type ResourceContent, readFileContent } from '../resources/file-content.ts'
import { type ListedFile, listPage } from '../resources/file-pages.ts'
import { ListingWatch } from '../resources/listing-watch.ts'
import { type Completion, completeFrom, completePath } from '../resources/path-completion.ts'
import { PutOffListing } from '../resources/put-off-listing.ts'
import type { Sight } from '../resources/sight.ts'
import { Subscriptions } from '../resources/subscriptions.ts'
import { parseWorkspaceUri } from '../resources/workspace-uri.ts'
import type { OpenContext } from '../sandbox.ts'
import type { Session } from '../session.ts'
import { RequestError } from './request-error.ts'

export const resourceTemplates = [
  {
    uriTemplate: 'workspace:///{+path}',
    name: 'workspace-file',
    title: 'A file of the workspace',
    description: 'Its path, relative to the workspace. Subscribe to hear when it changes.',
  },
  {
    uriTemplate: 'exec://{id}{?offset,limit}',
    name: 'command-output',
    title: 'All output of a command',
    description:
      'What a command of this session printed, so far if it still runs: limit bytes from byte ' +
      'offset on (from the end if negative). A last line names the next page.',
    mimeType: 'text/plain',
  },
] as const

/** How the client is told without having asked. */
export interface ResourceEvents {
  updated(uri: string): void
  listChanged(): void
}

export class ResourceRequests {
  readonly #session: Session
  readonly #sight: Sight
  readonly #subscriptions: Subscriptions
  readonly #listing: ListingWatch
  readonly #putOff: PutOffListing

  /**
   * `sight` is the one of the session's workspace. Nothing is watched until it is asked for. What has to
   * open the sandbox for an answer says so to its context, and can be cancelled; a completion opens none.
   */
  constructor(session: Session, sight: Sight, events: ResourceEvents) {
    const { files } = session.workspace
    this.#session = session
    this.#sight = sight
    this.#subscriptions = new Subscriptions(files, sight, (uri) => events.updated(uri))
    this.#listing = new ListingWatch(files, sight, () => events.listChanged())
    this.#putOff = new PutOffListing(session, sight, () => events.listChanged())
  }

  /** `waits`: the client asked for progress; else a list that has to open the sandbox may be put off once. */
  async list(
    cursor: string | undefined,
    context: OpenContext,
    waits: boolean,
  ): Promise<{ resources: ListedFile[]; nextCursor?: string }> {
    const { files } = this.#session.workspace
    if (!waits && cursor === undefined && (await this.#putOff.puts(context)))
      return { resources: [] }
    const page = await answer(undefined, async () => {
      await this.#sight.ready(context)
      return listPage(files, this.#sight, cursor, context.signal)
    })
    this.#listing.saw(page.directories, cursor === undefined)
    const { nextCursor } = page
    return { resources: [...page.files], ...(nextCursor === undefined ? {} : { nextCursor }) }
  }

  async read(uri: string, context: OpenContext): Promise<{ contents: ResourceContent[] }> {
    return answer(uri, async () => {
      const log = parseExecUri(uri)
      if (log !== undefined) {
        return { contents: [await readExecLog(this.#session.execution(log.id), log, uri)] }
      }
      const path = pathIn(uri)
      await this.#sight.ready(context)
      const content = readFileContent(this.#session.workspace.files, path, uri)
      return { contents: [await content] }
    })
  }

  async subscribe(uri: string, context: OpenContext): Promise<void> {
    await answer(uri, async () => {
      const log = parseExecUri(uri)
      if (log !== undefined) {
        this.#subscriptions.addLog(uri, this.#session.execution(log.id))
        return
      }
      const path = pathIn(uri)
      await this.#sight.ready(context)
      await this.#subscriptions.addFile(uri, path)
    })
  }

  /** The URIs that are subscribed to. */
  get subscribed(): readonly string[] {
    return this.#subscriptions.uris
  }

  unsubscribe(uri: string): void {
    this.#subscriptions.delete(uri)
  }

  /** Values for `argument` of the template, or of any URI that fits it. */
  async complete(template: string, argument: string, typed: string): Promise<Completion> {
    const [files, logs] = resourceTemplates
    if (template === files.uriTemplate && argument === 'path') {
      if (!this.#sight.isReady) return completeFrom([], typed)
      return completePath(this.#session.workspace.files, this.#sight, typed)
    }
    if (template === logs.uriTemplate) {
      const ids = this.#session.executions.map(({ id }) => id).reverse()
      return completeFrom(argument === 'id' ? ids : [], typed)
    }
    throw new RequestError(
      `there is nothing to complete for ${shown(argument)} of ${shown(template)}`,
    )
  }

  /** A tool has done something: what it changed is told without waiting for the next look. */
  afterCall(): void {
    this.#subscriptions.checkSoon()
    this.#listing.checkSoon()
    this.#putOff.checkSoon()
  }

  /** Nothing is told afterwards, and nothing is watched. */
  close(): void {
    this.#subscriptions.close()
    this.#listing.close()
    this.#putOff.close()
  }
}

function pathIn(uri: string) {
  const path = parseWorkspaceUri(uri)
  if (path === undefined) throw new RequestError(`there is no resource ${shown(uri)}`, uri)
  return path
}

async function answer<T>(uri: string | undefined, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!isSandboxError(error)) throw error
    throw new RequestError(`${error.code}: ${error.message}. ${error.hint}`, uri)
  }
}
