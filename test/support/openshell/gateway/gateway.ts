/** The calls of a gateway: what each may do, refuses and answers. */
import {
  type CreateRequest,
  type ExecRequest,
  type Knobs,
  type SandboxView,
  Status,
} from '../protocol.ts'
import { placeOf, SandboxRecord } from './records.ts'
import { Relays } from './relays.ts'
import { parseSelector, validateCreate, validateExec } from './validation.ts'
import { Workspaces } from './workspaces.ts'

interface Named {
  readonly name: string
  readonly workspace: string
}

interface ListRequest {
  readonly limit: number
  readonly offset: number
  readonly selector: string
  readonly workspace: string
  readonly allWorkspaces: boolean
}

export class Gateway {
  readonly relays: Relays
  readonly workspaces = new Workspaces()
  readonly #records = new Set<SandboxRecord>()
  readonly #state: string
  readonly #program: string
  readonly #knobs: () => Knobs
  #made = 0

  constructor(state: string, program: string, knobs: () => Knobs) {
    this.#state = state
    this.#program = program
    this.#knobs = knobs
    this.relays = new Relays(knobs)
  }

  get records(): readonly SandboxRecord[] {
    return [...this.#records]
  }

  /** From a method to its answer. Throws `Status`. */
  readonly methods: Readonly<Record<string, (body: never) => unknown>> = {
    Health: () => ({ version: this.#knobs().version }),
    GetGatewayInfo: () => ({ version: this.#knobs().version }),
    GetCurrentUser: () => ({
      display_name: 'Unauthenticated Local Dev',
      identity_provider: 'local_dev',
      roles: ['openshell-user', 'openshell-admin'],
      scopes: ['openshell:all'],
      subject: 'unauthenticated-local-dev',
    }),
    ListProviders: ({ workspace }: Named) => {
      this.workspaces.require(workspace)
      return []
    },
    CreateSandbox: (request: CreateRequest) => this.#create(request),
    GetSandbox: (body: Named) => this.#named(body).view,
    ListSandboxes: (body: ListRequest) => this.#list(body),
    DeleteSandbox: (body: Named) => this.#delete(this.#named(body)),
    StopSandbox: async (body: Named) => this.#lifecycle(this.#named(body), 'stop'),
    StartSandbox: async (body: Named) => this.#lifecycle(this.#named(body), 'start'),
    CreateSshSession: ({ id }: { id: string }) => this.relays.createSession(this.byId(id)),
    CreateWorkspace: ({ name, labels }: { name: string; labels: Record<string, string> }) =>
      this.workspaces.create(name, labels, this.#knobs().version),
    GetWorkspace: ({ name }: Named) => this.workspaces.get(name),
    ListWorkspaces: ({ limit, offset, selector }: ListRequest) =>
      this.workspaces.list(limit, offset, selector),
    DeleteWorkspace: ({ name }: Named) => this.#deleteWorkspace(name),
  }

  /** Refuses a caller, but for `Health`. */
  authorise(method: string, workspace: string): void {
    const { access } = this.#knobs()
    if (access === 'open' || method === 'Health') return
    if (access === 'unauthenticated') {
      throw new Status('Unauthenticated', 'missing authorization header')
    }
    throw new Status(
      'PermissionDenied',
      `not a member of workspace '${workspace}'; ask a platform admin to run: openshell workspace member add --workspace ${workspace} --subject someone --role user`,
    )
  }

  byId(id: string): SandboxRecord {
    const found = this.records.find((record) => record.id === id)
    if (found === undefined) throw new Status('NotFound', 'sandbox not found')
    return found
  }

  byName(name: string): SandboxRecord {
    const found = this.records.find((record) => record.name === name)
    if (found === undefined) throw new Status('NotFound', 'sandbox not found')
    return found
  }

  requireExec(request: ExecRequest): SandboxRecord {
    validateExec(request)
    const record = this.byId(request.id)
    if (record.phase !== 'Ready') throw new Status('FailedPrecondition', 'sandbox is not ready')
    return record
  }

  /** As after a restart of the gateway: connections are gone, and supervisors come back after a while. */
  restart(downMs: number): void {
    this.relays.drop()
    const dipped = this.records.filter((record) => record.phase === 'Ready')
    for (const record of dipped) {
      record.become('Provisioning', 'SupervisorNotConnected: supervisor session is not connected')
    }
    setTimeout(() => {
      for (const record of dipped) if (record.phase === 'Provisioning') record.become('Ready')
    }, downMs)
  }

  async close(): Promise<void> {
    await Promise.all(this.records.map((record) => record.halt()))
  }

  #named({ name, workspace }: Named): SandboxRecord {
    this.workspaces.require(workspace)
    const found = this.records.find(
      (record) => record.name === name && record.workspace === workspace,
    )
    if (found === undefined) throw new Status('NotFound', 'sandbox not found')
    return found
  }

  #create(request: CreateRequest): SandboxView {
    validateCreate(request, this.#knobs().version)
    this.workspaces.require(request.workspace, true)
    const [provider] = request.providers
    if (provider !== undefined) {
      throw new Status('FailedPrecondition', `provider '${provider}' not found`)
    }
    this.#made += 1
    const name = request.name || `brave-otter-${this.#made}`
    const taken = this.records.some(
      (record) => record.name === name && record.workspace === request.workspace,
    )
    if (taken) throw new Status('AlreadyExists', `sandbox '${name}' already exists`)
    const place = placeOf(this.#state, this.#made)
    const record = new SandboxRecord(place, name, request, this.#program, this.#knobs)
    this.#records.add(record)
    void record.provision()
    return record.view
  }

  #list({ limit, offset, selector, workspace, allWorkspaces }: ListRequest): SandboxView[] {
    if (!allWorkspaces) this.workspaces.require(workspace)
    const pairs = parseSelector(selector)
    const found = this.records
      .filter((record) => allWorkspaces || record.workspace === workspace)
      .filter(({ request }) => pairs.every(([key, value]) => request.labels[key] === value))
    return found.slice(offset, offset + Math.min(limit || 100, 1000)).map(({ view }) => view)
  }

  /** Accepts it; the record stays as Deleting for a while. */
  async #delete(record: SandboxRecord): Promise<{ deleted: boolean }> {
    const { deletingMs } = this.#knobs()
    const { lost } = record
    if (record.phase === 'Deleting') return { deleted: true }
    record.become('Deleting', 'Deleting: Sandbox delete requested')
    this.relays.forget(record.id)
    const gone = record.halt().then(async () => {
      await new Promise((resolve) => setTimeout(resolve, deletingMs))
      this.#records.delete(record)
      await record.remove()
    })
    if (deletingMs === 0) await gone
    return { deleted: !lost }
  }

  async #lifecycle(record: SandboxRecord, action: 'stop' | 'start'): Promise<SandboxView> {
    await record[action]()
    if (action === 'stop') this.relays.forget(record.id)
    return record.view
  }

  #deleteWorkspace(name: string): { deleted: boolean } {
    const within = this.records.filter((record) => record.workspace === name)
    this.workspaces.delete(name, [
      ...(within.length > 0 ? ['sandbox'] : []),
      ...(within.some(({ id }) => this.relays.hasSessions(id)) ? ['ssh session'] : []),
    ])
    return { deleted: true }
  }
}
