/**
 * When each sandbox was used last, and for whom: a file per sandbox. Engines do not know it; all else
 * about a sandbox is asked of its engine.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BackendKind } from '../sandbox.ts'
import { setAside } from '../set-aside.ts'
import { forgetMarks } from './unsettled.ts'
import type { WorkspaceKind } from './workspace-kind.ts'

export interface UseRecord {
  readonly usedMs: number
  /** Known once it was open. */
  readonly kind?: BackendKind
  /** What its files were to the session that opened it last; settings may have changed since. */
  readonly workspaces?: WorkspaceKind
  readonly agent: string
  readonly session: string
  readonly scopeKey: string
  /** Host path of the workspace. */
  readonly workspace: string
  /** Why it could not be opened the last time it was tried. */
  readonly lastError?: { readonly text: string; readonly atMs: number }
}

const directoryOf = (state: string) => join(state, 'used')
const fileOf = (state: string, name: string) => join(directoryOf(state), name)

/** Undefined where there is none; one that is damaged is kept aside, and there is none then. */
export function readUse(state: string, name: string): UseRecord | undefined {
  const file = fileOf(state, name)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const record = parse(text)
  if (record === undefined) keepAside(file)
  return record
}

/** Every sandbox of which a use is known, by name. */
export function readUses(state: string): ReadonlyMap<string, UseRecord> {
  const found = new Map<string, UseRecord>()
  for (const name of namesIn(directoryOf(state))) {
    if (!/^sbx-[a-z0-9]{15}$/.test(name)) continue
    const record = readUse(state, name)
    if (record !== undefined) found.set(name, record)
  }
  return found
}

/** Replaces it whole. Never throws: a disk that is full keeps nobody from working. */
export function writeUse(state: string, name: string, record: UseRecord): void {
  const made = join(directoryOf(state), `.${name}-${randomBytes(6).toString('hex')}`)
  try {
    mkdirSync(directoryOf(state), { recursive: true, mode: 0o700 })
    writeFileSync(made, `${JSON.stringify(record)}\n`, { mode: 0o600 })
    renameSync(made, fileOf(state, name))
  } catch {
    rmSync(made, { force: true })
  }
}

/** Forgets what is kept of a sandbox that is confirmed to be gone. */
export function forgetSandbox(state: string, name: string): void {
  rmSync(fileOf(state, name), { force: true })
  forgetAllButUse(state, name)
}

/** The same, but for when it was used last and for whom. */
export function forgetAllButUse(state: string, name: string): void {
  forgetMarks(state, name)
  const sync = join(state, 'sync')
  for (const file of namesIn(sync)) {
    // What was agreed on with it, for each of its mounts.
    if (/^(-\d+)?\.ancestor(\.changes)?$/.test(file.slice(name.length)) && file.startsWith(name)) {
      rmSync(join(sync, file), { force: true })
    }
  }
}

function parse(text: string): UseRecord | undefined {
  try {
    const { usedMs, ...rest } = JSON.parse(text)
    const texts = [rest.agent, rest.session, rest.scopeKey, rest.workspace]
    if (!texts.every((one) => typeof one === 'string') || !Number.isFinite(usedMs)) return undefined
    return { usedMs, ...rest }
  } catch {
    return undefined
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function keepAside(file: string): void {
  try {
    setAside(file)
  } catch {
    // Another process was first.
  }
}
