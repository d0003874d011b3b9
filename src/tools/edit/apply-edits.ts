/** The text core of `edit`: several replacements in one text, all found in the original. */
import { editNoMatch, fileTooLarge } from '../../file-errors.ts'
import { atOnce, type Steps } from '../../turn.ts'
import { isOfShownBytes } from '../byte-text.ts'
import { describeNearest } from '../nearest.ts'
import { countNewlines, cutLine, splitLines, withLineFeeds } from '../text-lines.ts'
import { LineEndings } from './line-endings.ts'
import { Locator } from './locate.ts'
import { merged, Replacements } from './replacements.ts'
import type { Span, Spans } from './spans.ts'

export interface Edit {
  readonly oldText: string
  readonly newText: string
  readonly replaceAll?: boolean | undefined
}

export interface Edits {
  /** Not overlapping. */
  readonly replacements: Replacements
  /** Indexes of edits that were only found with blanks, quotes or dashes differing. */
  readonly tolerant: readonly number[]
}

/** Many matches times a long newText can be more than memory holds. */
const resultLimit = 16 * 1024 * 1024
const toldProblems = 5
const toldPlaces = 10
const replacementsPerStep = 1024

const copyHint = 'Read the file again and copy oldText from it exactly; nothing was written.'
const bytesHint =
  'Leave out of oldText what read shows as \u{fffd}: it stands for bytes that are not UTF-8, which only exec can change; nothing was written.'
const uniqueHint =
  'Add neighbouring lines to oldText until it is unique, or set replaceAll to change every place; nothing was written.'

/**
 * Where each edit goes and what it writes. All misses are told in one `EDIT_NO_MATCH`; edits that
 * overlap, change nothing or have an empty `oldText` are refused the same way.
 */
export function* locateEdits(
  text: string,
  edits: readonly Edit[],
  shownPath: string,
): Steps<Edits> {
  const locator = new Locator(text)
  const endings = new LineEndings(text)
  const lists: Replacements[] = []
  const tolerant: number[] = []
  const problems: Problem[] = []
  let size = text.length
  let replaced = 0
  for (const [index, edit] of edits.entries()) {
    yield
    // Some of them overlap then: more places would only fill the memory.
    const isFull = replaced > text.length
    const name = `edits[${index}]`
    const refused = refusal(edit, name)
    if (refused !== undefined) {
      problems.push(refused)
      continue
    }
    const all = edit.replaceAll === true
    // How often it is there is told of the first problems only.
    const most = all && isFull ? 1 : all || problems.length < toldProblems ? Infinity : 2
    const found = yield* locator.find(edit.oldText, all, most)
    const { spans } = found
    if (spans.length === 0) {
      const message = () => missing(text, locator, edit, name, shownPath)
      problems.push({ message, hint: isOfShownBytes(edit.oldText, text) ? bytesHint : copyHint })
      continue
    }
    const places = placesOf(text, spans)
    if (spans.length > 1 && !all) {
      const times = spans.length
      const message = () => `${name}.oldText is ${times} times in ${shownPath}: ${places()}`
      problems.push({ message, hint: uniqueHint })
      continue
    }
    size += spans.length * edit.newText.length
    if (size > resultLimit) throw fileTooLarge(shownPath, size, resultLimit)
    const replacements = new Replacements()
    let replacedHere = 0
    let isChange = all && isFull
    for (let i = 0; i < spans.length; i += 1) {
      const [from, to] = [spans.from(i), spans.to(i)]
      const made = endings.give({ from, to }, edit.newText)
      isChange ||= text.slice(from, to) !== made
      replacements.push(from, to, index, made)
      replacedHere += to - from
      if (i % replacementsPerStep === 0) yield
    }
    if (isChange) {
      lists.push(replacements)
      replaced += replacedHere
      if (found.tolerant) tolerant.push(index)
      continue
    }
    const message = () => `${name} changes nothing: ${shownPath} already has newText at ${places()}`
    problems.push({ message, hint: 'Leave this edit out; nothing was written.' })
  }
  if (problems.length > 0) throw refuse(problems)

  const replacements = merged(lists)
  refuseOverlap(text, replacements, shownPath)
  return { replacements, tolerant }
}

/** The text with the replacements made. */
export function applyReplacements(text: string, replacements: Replacements): string {
  return replacements.made(text, 0, text.length)
}

interface Problem {
  /** Made only when it is told: looking for the nearest places costs more than finding does. */
  readonly message: () => string
  readonly hint: string
}

function refuse(problems: readonly Problem[]) {
  const told = problems.slice(0, toldProblems).map((problem) => problem.message())
  if (problems.length > told.length) told.push(`and ${problems.length - told.length} more`)
  const hints = new Set(problems.map((problem) => problem.hint))
  const [hint] = hints
  return editNoMatch(told.join('\n'), hints.size === 1 && hint !== undefined ? hint : copyHint)
}

function refusal(edit: Edit, name: string): Problem | undefined {
  if (edit.oldText === '') {
    return {
      message: () => `${name}.oldText is empty`,
      hint: 'Give the text to replace; to fill an empty file or make a new one use write.',
    }
  }
  if (edit.oldText === edit.newText) {
    return {
      message: () => `${name}: oldText and newText are identical`,
      hint: 'Leave this edit out, or give the text as it shall become; nothing was written.',
    }
  }
  if (withLineFeeds(edit.oldText) === withLineFeeds(edit.newText)) {
    return {
      message: () => `${name}: oldText and newText differ only in line endings, which edit keeps`,
      hint: 'Convert line endings with exec, for example sed -i; nothing was written.',
    }
  }
  return undefined
}

function missing(
  text: string,
  locator: Locator,
  edit: Edit,
  name: string,
  shownPath: string,
): string {
  const lines = splitLines(text).map((line) => line.text)
  const wanted = withLineFeeds(edit.oldText).split('\n')
  // A short newText is found by chance.
  const made =
    edit.newText.trim().length < 8 ? undefined : atOnce(locator.find(edit.newText, false))
  const already =
    made === undefined || made.tolerant || made.spans.length !== 1
      ? ''
      : `\nnewText is there already, at ${placesOf(text, made.spans)()}; this edit may have been made before.`
  return `${name}.oldText is not in ${shownPath}${already}${describeNearest(lines, wanted)}`
}

function refuseOverlap(text: string, sorted: Replacements, shownPath: string): void {
  for (let i = 1; i < sorted.length; i += 1) {
    const from = sorted.from(i)
    if (sorted.to(i - 1) <= from) continue
    const [a, b] = [sorted.edit(i - 1), sorted.edit(i)].sort((x, y) => x - y)
    const start = cutLine(text.slice(from, from + 200).split('\n')[0] ?? '', 60)
    throw editNoMatch(
      `edits[${a}] and edits[${b}] overlap at ${placesOf(text, [{ from, to: sorted.to(i) }])()} of ${shownPath}, at ${JSON.stringify(start)}`,
      'Join the two into one edit; every oldText is matched against the file as it is now, and nothing was written.',
    )
  }
}

/** Tells the lines of the first few; the others need not be kept for it. */
function placesOf(text: string, spans: Spans | readonly Span[]): () => string {
  const told = 'first' in spans ? spans.first(toldPlaces) : spans
  const left = spans.length - told.length
  return () => {
    const numbers: number[] = []
    let line = 1
    let counted = 0
    for (const span of told) {
      line += countNewlines(text, counted, span.from)
      counted = span.from
      numbers.push(line)
    }
    const more = left > 0 ? ` and ${left} more` : ''
    return `${numbers.length === 1 ? 'line' : 'lines'} ${numbers.join(', ')}${more}`
  }
}
