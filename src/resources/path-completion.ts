/** What a client offers while its user types a path of the workspace. */
import { isSandboxError } from '../errors.ts'
import { byteText } from '../ignore/pattern.ts'
import { IgnoreRules } from '../ignore/rules.ts'
import { givenPath, type Tree, type TreePath, treePath } from '../tree.ts'
import { Turn } from '../turn.ts'
import type { Named, Sight } from './sight.ts'

/** As `completion/complete` answers. */
export interface Completion {
  readonly values: string[]
  readonly total: number
  readonly hasMore: boolean
}

/** What the protocol allows. */
const valueLimit = 100

/**
 * The names in one directory that go on from `typed`, as whole paths in byte order: directories end
 * with `/`, what the ignore files leave out comes last. Links are told by what they lead to; those
 * that lead out or nowhere are left out, as are names that `{+path}` cannot carry as they are.
 * Nothing completes a path that is not written plainly or leads out.
 */
export async function completePath(tree: Tree, sight: Sight, typed: string): Promise<Completion> {
  const slash = typed.lastIndexOf('/') + 1
  const directory = plainPath(typed.slice(0, Math.max(0, slash - 1)))
  if (directory === undefined || typed.startsWith('/')) return completion([], 0)
  const prefix = typed.slice(0, slash)
  const matching = (await namesIn(sight, directory)).filter(
    ({ name }) => name.startsWith(typed.slice(slash)) && isPlain(name),
  )
  const rules = await IgnoreRules.at(tree, directory)
  const [first, last]: [Named[], Named[]] = [[], []]
  const turn = new Turn()
  for (const one of matching) {
    if (turn.isOver) await turn.next()
    const isIgnored = rules.ignores(byteText(prefix + one.name), isDirectory(one))
    if (isIgnored) last.push(one)
    else first.push(one)
  }
  const ordered = [...first, ...last]
  const values: string[] = []
  let left = matching.length
  for (let at = 0; at < ordered.length && values.length < valueLimit; ) {
    const some = ordered.slice(at, at + valueLimit - values.length)
    at += some.length
    for (const [path, kind] of await led(sight, prefix, some)) {
      if (kind === 'directory') values.push(`${path}/`)
      else if (kind === 'file') values.push(path)
      else left--
    }
  }
  return completion(values, left)
}

/** The whole paths, and what each leads to. */
async function led(sight: Sight, prefix: string, names: readonly Named[]) {
  const isLink = ({ kind }: Named) => kind === 'link'
  const links = names.filter(isLink).map(({ name }) => treePath(prefix + name))
  const kinds = links.length === 0 ? [] : [...(await sight.kinds(links))]
  return names.map((one) => [prefix + one.name, isLink(one) ? kinds.shift() : one.kind] as const)
}

/** The first of `candidates` that begin with `typed`. */
export function completeFrom(candidates: readonly string[], typed: string): Completion {
  const values = candidates.filter((candidate) => candidate.startsWith(typed))
  return completion(values.slice(0, valueLimit), values.length)
}

const completion = (values: string[], total: number): Completion => ({
  values,
  total,
  hasMore: total > values.length,
})

const isDirectory = ({ kind }: Named) => kind === 'directory'

/** Clients put a value into a URI with these as they are, where they mean something else. */
const isPlain = (name: string) => !/[?#]|%[0-9a-f]{2}/i.test(name)

function plainPath(text: string): TreePath | undefined {
  try {
    const path = givenPath(text)
    return path === text ? path : undefined
  } catch (error) {
    if (isSandboxError(error)) return undefined
    throw error
  }
}

async function namesIn(sight: Sight, directory: TreePath): Promise<readonly Named[]> {
  try {
    return await sight.names(directory)
  } catch (error) {
    if (isSandboxError(error)) return []
    throw error
  }
}
