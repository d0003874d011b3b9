/** JSON5 with the line of every key, so that a problem can say where it stands. */
import { parse, type ValueNode } from '@humanwhocodes/momoa'
import type { Path, Problem } from './problem.ts'

/** A text that was read. */
export interface Json5 {
  readonly value: unknown
  /** Keys that an object has twice, of which the later one counts. */
  readonly repeated: readonly Path[]
  /** The line of what stands at `path`, or of the nearest thing around it. */
  lineOf(path: Path): number | undefined
}

/** Messages hold no part of the text but one character: it may be a secret. */
export function parseJson5(text: string): Json5 | Problem {
  try {
    const lines = new Map<string, number>()
    const repeated: Path[] = []
    const { body } = parse(text, { mode: 'json5', allowTrailingCommas: true })
    const value = nodeValue(body, [], { lines, repeated })
    return {
      value,
      repeated,
      lineOf(path) {
        for (let length = path.length; length >= 0; length--) {
          const line = lines.get(keyOf(path.slice(0, length)))
          if (line !== undefined) return line
        }
        return undefined
      },
    }
  } catch (error) {
    if (error instanceof RangeError) return tooDeep
    const { message, line, offset } = error as Error & { line?: number; offset?: number }
    if (line === undefined || offset === undefined) throw error
    return { what: `this is not JSON5: ${reason(message, text, offset)}`, path: [], line }
  }
}

const keyOf = (path: Path) => JSON.stringify(path.map(String))

interface Found {
  readonly lines: Map<string, number>
  readonly repeated: Path[]
}

export const tooDeep: Problem = { what: 'this is nested too deeply to be read', path: [] }

/** What goes over a value goes as deep as it is. */
export const deepest = 200

function nodeValue(node: ValueNode, path: Path, found: Found): unknown {
  if (path.length > deepest) throw new RangeError('too deep')
  const { lines } = found
  const key = keyOf(path)
  if (!lines.has(key)) lines.set(key, node.loc.start.line)
  switch (node.type) {
    case 'Object': {
      const object: Record<string, unknown> = {}
      for (const { name, value, loc } of node.members) {
        const key = name.type === 'Identifier' ? name.name : name.value
        const inner = [...path, key]
        if (Object.hasOwn(object, key)) {
          found.repeated.push(inner)
          forget(inner, lines)
        }
        lines.set(keyOf(inner), loc.start.line)
        // Defined, not assigned: a key may be named __proto__.
        Object.defineProperty(object, key, {
          value: nodeValue(value, inner, found),
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
      return object
    }
    case 'Array':
      return node.elements.map((element, at) => nodeValue(element.value, [...path, at], found))
    case 'Null':
      return null
    case 'NaN':
      return Number.NaN
    case 'Infinity':
      return node.sign === '-' ? -Infinity : Infinity
    default:
      return node.value
  }
}

/** The lines of what stands below a key that another one after it replaces. */
function forget(path: Path, lines: Map<string, number>) {
  const below = keyOf(path).replace(/]$/, ',')
  for (const key of lines.keys()) if (key.startsWith(below)) lines.delete(key)
}

function reason(message: string, text: string, offset: number): string {
  const withoutComments = text.replace(/\/\*.*?\*\/|\/\/[^\r\n]*/gs, '')
  if (withoutComments.trim() === '') return 'it is empty'
  const rest = text.slice(offset)
  // At its end the parser names the last token: a bracket, or a value inside one.
  const isLast = /^[[{]\s*$/.test(rest) || (offset > 0 && /^[\w.+-]+\s*$/.test(rest))
  if (isLast || /end of input/.test(message)) return 'something is not closed at its end'
  return `unexpected ${JSON.stringify([...rest.slice(0, 2)][0])}`
}
