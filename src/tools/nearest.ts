/**
 * Where a text that was not found may have been meant: the places of a file that are most like it.
 * Work is bounded, so a miss in a huge file answers as fast as one in a small file.
 */
import { cutLine } from './text-lines.ts'

interface Place {
  /** Number of its first line, from 1. */
  readonly line: number
  readonly similarity: number
}

const placeLimit = 3
const leastSimilarity = 0.45
/** Characters of the file that are compared one by one; beyond them only equal lines count. */
const comparedCharacters = 1_000_000
const comparedLineLength = 400
const comparedLines = 40
const candidateLimit = 12

/** Up to three places, the most similar first. Blanks around lines do not count. */
function nearestPlaces(lines: readonly string[], wanted: readonly string[]): Place[] {
  const first = wanted.findIndex((line) => line.trim() !== '')
  if (first === -1) return []
  const block = wanted.slice(first, first + comparedLines).map((line) => bigramsOf(line))

  const starts = new Set([
    ...startsByEqualLines(lines, block),
    ...startsByLongestLine(lines, block),
  ])
  const places = [...starts]
    .map((start) => ({ line: start + 1, similarity: blockSimilarity(lines, start, block) }))
    .filter((place) => place.similarity >= leastSimilarity)
    .sort((a, b) => b.similarity - a.similarity || a.line - b.line)

  const kept: Place[] = []
  for (const place of places) {
    const apart = kept.every((other) => Math.abs(other.line - place.line) >= block.length)
    if (apart) kept.push(place)
    if (kept.length === placeLimit) break
  }
  return kept
}

/**
 * The nearest places as numbered lines, and what the best one has where the wanted text differs.
 * Empty when nothing is similar.
 */
export function describeNearest(lines: readonly string[], wanted: readonly string[]): string {
  const places = nearestPlaces(lines, wanted)
  const [best] = places
  if (best === undefined) return ''
  const first = wanted.findIndex((line) => line.trim() !== '')
  const block = wanted.slice(first)
  const height = Math.min(block.length, 4)
  const blocks = places.map((place) =>
    lines
      .slice(place.line - 1, place.line - 1 + height)
      .map((line, i) => `${place.line + i}: ${cutLine(line, 120)}`)
      .join('\n'),
  )
  const differing = block.findIndex((line, i) => line !== lines[best.line - 1 + i])
  const told =
    differing === -1 ? '' : describeDifference(lines, best.line + differing, block[differing] ?? '')
  return `\nNearest places:\n${blocks.join('\n--\n')}${told}`
}

function describeDifference(lines: readonly string[], line: number, wanted: string): string {
  const there = lines[line - 1]
  if (there === undefined) return `\nThe file ends before line ${line}.`
  let at = 0
  while (at < wanted.length && wanted[at] === there[at]) at += 1
  return `\nLine ${line} has ${excerptAt(there, at)} where ${excerptAt(wanted, at)} was given.`
}

/** The text around a position, quoted, so that blanks and tabs can be told apart. */
function excerptAt(text: string, at: number): string {
  const from = at > 60 ? at - 30 : 0
  const to = from + 90
  const cut = text.slice(from, to).toWellFormed()
  return `${from > 0 ? '\u2026' : ''}${JSON.stringify(cut)}${to < text.length ? '\u2026' : ''}`
}

interface Bigrams {
  readonly text: string
  readonly counts: ReadonlyMap<number, number>
}

function bigramsOf(line: string): Bigrams {
  const text = line.trim().slice(0, comparedLineLength)
  const counts = new Map<number, number>()
  for (let i = 0; i + 1 < text.length; i += 1) {
    const key = bigramAt(text, i)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return { text, counts }
}

function bigramAt(text: string, i: number): number {
  return text.charCodeAt(i) * 0x10000 + text.charCodeAt(i + 1)
}

/** Dice's coefficient over pairs of characters: 0 for nothing in common, 1 for equal. */
function similarity(wanted: Bigrams, line: string): number {
  const text = line
    .slice(0, 2 * comparedLineLength)
    .trim()
    .slice(0, comparedLineLength)
  if (text === wanted.text) return 1
  const size = Math.max(wanted.text.length - 1, 0) + Math.max(text.length - 1, 0)
  const possible = 2 * Math.max(Math.min(wanted.text.length, text.length) - 1, 0)
  if (possible < leastSimilarity * size || size === 0) return 0
  const used = new Map<number, number>()
  let common = 0
  for (let i = 0; i + 1 < text.length; i += 1) {
    const key = bigramAt(text, i)
    const seen = used.get(key) ?? 0
    if (seen < (wanted.counts.get(key) ?? 0)) {
      used.set(key, seen + 1)
      common += 1
    }
  }
  return (2 * common) / size
}

/** Mean over the lines, each weighing as much as it is long. */
function blockSimilarity(
  lines: readonly string[],
  start: number,
  block: readonly Bigrams[],
): number {
  let sum = 0
  let weights = 0
  block.forEach((wanted, i) => {
    const line = lines[start + i]
    const weight = wanted.text.length + 1
    weights += weight
    if (line !== undefined) sum += weight * similarity(wanted, line)
  })
  return sum / weights
}

/** Starts where lines of the block are found as they are. Looks at the whole file. */
function startsByEqualLines(lines: readonly string[], block: readonly Bigrams[]): number[] {
  const offsets = new Map<string, number>()
  block.forEach(({ text }, i) => {
    if (text.length > 3 && !offsets.has(text)) offsets.set(text, i)
  })
  const votes = new Map<number, number>()
  if (offsets.size === 0) return []
  lines.forEach((line, i) => {
    if (line.length > 2 * comparedLineLength) return
    const text = line.trim()
    const offset = offsets.get(text)
    if (offset === undefined || offset > i) return
    votes.set(i - offset, (votes.get(i - offset) ?? 0) + text.length)
  })
  return best([...votes].map(([start, score]) => ({ start, score })))
}

/** Starts where some line is like the block's longest one. Looks at a bounded part of the file. */
function startsByLongestLine(lines: readonly string[], block: readonly Bigrams[]): number[] {
  const longest = block.reduce((a, b) => (b.text.length > a.text.length ? b : a))
  const offset = block.indexOf(longest)
  const found: { start: number; score: number }[] = []
  let left = comparedCharacters
  for (let i = offset; i < lines.length && left > 0; i += 1) {
    const line = lines[i] ?? ''
    left -= Math.min(line.length, comparedLineLength) + 1
    const score = similarity(longest, line)
    if (score >= leastSimilarity) found.push({ start: i - offset, score })
  }
  return best(found)
}

function best(scored: { start: number; score: number }[]): number[] {
  return scored
    .sort((a, b) => b.score - a.score || a.start - b.start)
    .slice(0, candidateLimit)
    .map(({ start }) => start)
}
