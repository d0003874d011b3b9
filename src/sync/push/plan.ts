/** The plan of a push, as the script in the sandbox reads it. */
import type { TreePath } from '../../tree.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import { Pace, type Steps, sorted } from '../slices.ts'
import type { Entry } from '../snapshot.ts'

/**
 * A line of the plan is `<verb> <before> ./<path>`. Before is the digest of a file, `@` for a link whose
 * target is the next line, `-` for nothing, and `=` where an earlier line sees to it.
 */
type PushVerb = 'rm' | 'rmdir' | 'mkdir' | 'new' | 'put' | '+x' | '-x'

export interface PushLine {
  readonly verb: PushVerb
  readonly before: Entry | 'nothing' | 'seen to'
  readonly path: TreePath
}

/** The plan's lines, in an order in which they can be carried out. */
export function* planLines(changes: readonly SyncChange[]): Steps<PushLine[]> {
  const phases: Record<'rm' | 'rmdir' | 'mkdir' | 'put' | 'mode', PushLine[]> = {
    rm: [],
    rmdir: [],
    mkdir: [],
    put: [],
    mode: [],
  }
  const pace = new Pace()
  for (const { path, before, after } of changes) {
    if (pace.isDue) yield
    if (before?.kind === 'file' && after?.kind === 'file' && before.digest === after.digest) {
      phases.mode.push({ verb: after.executable ? '+x' : '-x', before, path })
      continue
    }
    const isReplaced = before !== undefined && before.kind !== 'directory'
    if (isReplaced && after !== undefined && after.kind !== 'directory') {
      phases.put.push({ verb: 'put', before, path })
      continue
    }
    if (before?.kind === 'directory') phases.rmdir.push({ verb: 'rmdir', before: 'seen to', path })
    else if (before !== undefined) phases.rm.push({ verb: 'rm', before, path })
    const free = before === undefined ? 'nothing' : 'seen to'
    if (after?.kind === 'directory') phases.mkdir.push({ verb: 'mkdir', before: free, path })
    else if (after !== undefined) phases.put.push({ verb: 'new', before: free, path })
  }
  return [
    ...(yield* sorted(phases.rm, placeOf)),
    ...phases.rmdir,
    ...phases.mkdir,
    ...(yield* sorted(phases.put, placeOf)),
    ...(yield* sorted(phases.mode, placeOf)),
  ]
}

/** Sorts what can be carried out together next to each other. */
function placeOf({ verb, path }: PushLine): string {
  return `${path.slice(0, Math.max(0, path.lastIndexOf('/')))}\0${verb}\0${path}`
}

/** A longer path may be too long below another one. */
const longPath = 1_000

/** The directories of what is replaced or removed, each after the one that it is in. The script makes those that are missing. */
export function keptDirectories(lines: readonly PushLine[]): readonly string[] {
  const kept = new Set<string>()
  for (const { verb, path } of lines) {
    if ((verb !== 'put' && verb !== 'rm') || path.length > longPath) continue
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      kept.add(path.slice(0, at))
    }
  }
  return [...kept]
}

/** As it is written in the archive. */
export function lineText({ verb, before, path }: PushLine): string {
  const isLink = before instanceof Object && before.kind === 'link'
  if (isLink) return `${verb} @ ./${path}\n${before.target}\n`
  return `${verb} ${beforeWord(before)} ./${path}\n`
}

/** As words: its verb, what was before, with the target of a link behind the `@`, and its path. */
export function planWords({ verb, before, path }: PushLine): [string, string, string] {
  return [verb, beforeWord(before), `./${path}`]
}

function beforeWord(before: PushLine['before']): string {
  if (before === 'nothing') return '-'
  if (before === 'seen to' || before.kind === 'directory') return '='
  return before.kind === 'link' ? `@${before.target}` : before.digest
}
