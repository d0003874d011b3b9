/**
 * A file together with those that it includes, as OpenClaw has them: in an object `$include` names a file, or several
 * of which the later win, and what stands beside it wins over both. Lists are put one behind the other. A path is
 * looked up from the file that names it, and leads into the first file's directory, or one that OPENCLAW_INCLUDE_ROOTS
 * names. Only where the file has, or may have, settings of ours: others' are not read.
 */
import { delimiter, dirname, isAbsolute, resolve } from 'node:path'
import { shown } from '../errors.ts'
import { isIn } from '../sessions/workspace-directory.ts'
import type { FoundFile, ReadFile } from './find-file.ts'
import { deepest, type Json5, parseJson5, tooDeep } from './json5.ts'
import type { Path, Problem } from './problem.ts'

/** Where something stands. */
export interface Place {
  readonly file: string
  readonly line: number | undefined
}

/** A key that is there twice, with the place of the later one. */
interface Repeated extends Place {
  readonly path: Path
}

/** All of it as one. */
export interface WholeFile {
  readonly value: unknown
  /** What could not be included. */
  readonly problems: readonly Problem[]
  /** Keys that an object has twice in one file. */
  readonly repeated: readonly Repeated[]
  /** Absolute paths of the files that were included, each once. */
  readonly included: readonly string[]
  /** Of what stands at `path`, or of the nearest thing around it. */
  placeOf(path: Path): Place
}

/** A value of which each part knows where it stands. */
interface Node extends Place {
  readonly members?: ReadonlyMap<string, Node>
  readonly items?: readonly Node[]
  readonly value?: unknown
}

interface OpenFile {
  readonly path: string
  readonly json: Json5
  /** From the first file to this one. */
  readonly chain: readonly string[]
}

const key = '$include'
const rootsVariable = 'OPENCLAW_INCLUDE_ROOTS'
/** As many as OpenClaw follows. */
const longestChain = 10

/** A problem in place of a file that cannot be read as JSON5 itself. `isFollowed`: of an object at this path. */
export function readWhole(
  { path, text }: FoundFile,
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
  isFollowed: (path: Path) => boolean,
): WholeFile | Problem {
  const json = parseJson5(text)
  if ('what' in json) return json
  const reader = new Reader(readFile, isFollowed, path, includeRoots(env))
  const file = { path, json, chain: [path] }
  const root = unlessTooDeep(() => reader.whole(file, []))
  if ('what' in root) return root
  const placeOf = (at: Path): Place => {
    let node = root
    for (const part of at) {
      const inner = node.items?.[Number(part)] ?? node.members?.get(String(part))
      if (inner === undefined) break
      node = inner
    }
    return node
  }
  const { problems, repeated, included } = reader
  return { value: plain(root), problems, repeated, included: [...included], placeOf }
}

/** Where files may be included from beside the first one's own directory. */
function includeRoots({ HOME: home, [rootsVariable]: named = '' }: NodeJS.ProcessEnv): string[] {
  return named
    .split(delimiter)
    .map((entry) => entry.trim())
    .map((entry) => (home ? entry.replace(/^~(?=$|[\\/])/, home) : entry))
    .filter((entry) => isAbsolute(entry))
    .map((entry) => resolve(entry))
}

function unlessTooDeep(read: () => Node): Node | Problem {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) return tooDeep
    throw error
  }
}

class Reader {
  readonly problems: Problem[] = []
  readonly repeated: Repeated[] = []
  readonly included = new Set<string>()
  readonly #readFile: ReadFile
  readonly #isFollowed: (path: Path) => boolean
  readonly #first: string
  readonly #roots: readonly string[]

  constructor(
    readFile: ReadFile,
    isFollowed: (path: Path) => boolean,
    first: string,
    more: readonly string[],
  ) {
    this.#readFile = readFile
    this.#isFollowed = isFollowed
    this.#first = first
    this.#roots = [dirname(first), ...more]
  }

  /** Of a file that stands at `path`. */
  whole(file: OpenFile, path: Path): Node {
    const { json } = file
    for (const inner of json.repeated) {
      const place = { file: file.path, line: json.lineOf(inner) }
      this.repeated.push({ ...place, path: [...path, ...inner] })
    }
    return this.node(json.value, [], path, file)
  }

  /** `inFile` is where the value is in the file it stands in, `path` where in the whole. */
  node(value: unknown, inFile: Path, path: Path, file: OpenFile): Node {
    if (path.length > deepest) throw new RangeError('too deep')
    const place = { file: file.path, line: file.json.lineOf(inFile) }
    const inner = (part: string | number, value: unknown) =>
      this.node(value, [...inFile, part], [...path, part], file)
    if (Array.isArray(value)) {
      return { ...place, items: value.map((item, at) => inner(at, item)) }
    }
    if (typeof value !== 'object' || value === null) return { ...place, value }
    const isFollowed = Object.hasOwn(value, key) && this.#isFollowed(path)
    const entries = Object.entries(value).filter(([name]) => !isFollowed || name !== key)
    const own = {
      ...place,
      members: new Map(entries.map(([name, one]) => [name, inner(name, one)])),
    }
    if (!isFollowed) return own
    const at = [...path, key]
    const line = file.json.lineOf([...inFile, key])
    const wrong = (what: string) => this.#tell({ what, path: at, line }, file.path)
    const included = this.#include((value as Record<string, unknown>)[key], path, file, wrong)
    if (included === undefined) return own
    if (entries.length === 0) return included
    if (included.members !== undefined) return merged(included, own)
    wrong(`${key} stands beside other keys, and what it includes is no object`)
    return own
  }

  #include(
    named: unknown,
    path: Path,
    file: OpenFile,
    wrong: (what: string) => undefined,
  ): Node | undefined {
    const names: unknown[] = Array.isArray(named) ? named : [named]
    if (!names.every((name) => typeof name === 'string' && name !== '') || names.length === 0) {
      wrong(`${key} must be the path of a file, or a list of paths`)
      return undefined
    }
    const nodes = names.map((name) =>
      this.#open(resolve(dirname(file.path), String(name)), path, file, wrong),
    )
    return nodes.reduce((all, one) => (all && one ? merged(all, one) : (one ?? all)))
  }

  #open(path: string, at: Path, { chain }: OpenFile, wrong: (what: string) => undefined) {
    if (chain.includes(path)) return wrong(`${key} leads back to ${shown(path)}`)
    if (chain.length > longestChain)
      return wrong(`more than ${longestChain} files include one another`)
    if (!this.#roots.some((root) => isIn(path, root))) {
      const where = this.#roots.map(shown).join(' and ')
      return wrong(
        `the included file ${shown(path)} is refused: it is outside of ${where}; put it there, or name its directory in ${rootsVariable}`,
      )
    }
    let text: string | undefined
    try {
      text = this.#readFile(path, this.#roots)
    } catch (error) {
      return wrong(`the included file ${shown(path)} cannot be read: ${(error as Error).message}`)
    }
    if (text === undefined) return wrong(`there is no file ${shown(path)} to include`)
    this.included.add(path)
    const json = parseJson5(text)
    if ('what' in json) return this.#tell({ ...json, path: at }, path)
    return this.whole({ path, json, chain: [...chain, path] }, at)
  }

  #tell(problem: Problem, file: string): undefined {
    this.problems.push(file === this.#first ? problem : { ...problem, file })
  }
}

/** `over` wins where both say something. */
function merged(under: Node, over: Node): Node {
  if (under.items !== undefined && over.items !== undefined) {
    return { ...over, items: [...under.items, ...over.items] }
  }
  if (under.members === undefined || over.members === undefined) return over
  const members = new Map(under.members)
  for (const [name, node] of over.members) {
    const below = members.get(name)
    members.set(name, below === undefined ? node : merged(below, node))
  }
  return { ...over, members }
}

function plain({ members, items, value }: Node): unknown {
  if (items !== undefined) return items.map(plain)
  if (members === undefined) return value
  const object: Record<string, unknown> = {}
  for (const [name, node] of members) {
    // Defined, not assigned: a key may be named __proto__.
    Object.defineProperty(object, name, {
      value: plain(node),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return object
}
