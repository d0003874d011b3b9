/** The control-plane workspaces of a gateway. */
import { randomUUID } from 'node:crypto'
import { Status, type WorkspaceView } from '../protocol.ts'
import { parseSelector, validateName } from './validation.ts'

type Entry = { -readonly [key in keyof WorkspaceView]: WorkspaceView[key] }

export class Workspaces {
  readonly #entries = new Map<string, Entry>()

  constructor() {
    this.#add('default', {})
  }

  /** Throws NotFound, and for a new sandbox FailedPrecondition when the workspace is being deleted. */
  require(name: string, forCreate = false): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw new Status('NotFound', `workspace '${name}' not found`)
    if (forCreate && entry.status === 'Terminating') {
      throw new Status('FailedPrecondition', `workspace '${name}' is being deleted`)
    }
  }

  create(name: string, labels: Readonly<Record<string, string>>, version: string): WorkspaceView {
    if (name === '') throw new Status('InvalidArgument', 'workspace name is required')
    validateName(name, 'workspace name', version)
    if (this.#entries.has(name)) throw new Status('AlreadyExists', 'workspace already exists')
    return this.#add(name, labels)
  }

  get(name: string): WorkspaceView {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw new Status('NotFound', 'workspace not found')
    return entry
  }

  list(limit: number, offset: number, selector: string): readonly WorkspaceView[] {
    const pairs = parseSelector(selector)
    const all = [...this.#entries.values()].filter(({ labels }) =>
      pairs.every(([key, value]) => labels[key] === value),
    )
    return all.slice(offset, offset + Math.min(limit || 100, 1000))
  }

  /** `blocking` names what is still in it; the workspace is then left as terminating. */
  delete(name: string, blocking: readonly string[]): void {
    if (name === 'default') {
      throw new Status('FailedPrecondition', 'the default workspace cannot be deleted')
    }
    const entry = this.#entries.get(name)
    if (entry === undefined) throw new Status('NotFound', `workspace '${name}' not found`)
    entry.status = 'Terminating'
    if (blocking.length > 0) {
      throw new Status(
        'FailedPrecondition',
        `workspace '${name}' still contains resources: ${blocking.join(', ')}`,
      )
    }
    this.#entries.delete(name)
  }

  #add(name: string, labels: Readonly<Record<string, string>>): Entry {
    const entry: Entry = {
      id: randomUUID(),
      name,
      labels,
      resourceVersion: 1,
      createdMs: Date.now(),
      status: 'Active',
    }
    this.#entries.set(name, entry)
    return entry
  }
}
