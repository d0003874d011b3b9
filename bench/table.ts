/** Lines as text in columns, and as Markdown. Pure. */
import type { Line } from './result.ts'
import { targetText } from './target.ts'

const heads = ['row', 'ours p50', 'p95', 'peer', 'p50', 'p95', 'ratio', 'target', 'held'] as const

/** The cells of a line, as many as there are heads. */
function cells(line: Line): string[] {
  const { title, unit, ours, peer, target, skipped, failed } = line
  const reason = skipped ?? failed?.split('\n')[0]
  if (reason !== undefined) {
    const what = skipped === undefined ? 'FAILED' : 'skipped'
    return [title, what, '', peer?.name ?? '', '', '', '', '', reason]
  }
  return [
    title,
    `${number(ours?.p50)} ${unit}`,
    number(ours?.p95),
    peer?.name ?? '',
    number(peer?.summary?.p50),
    number(peer?.summary?.p95),
    ratioText(line),
    target === undefined ? '' : targetText(target, unit),
    heldText(line),
  ]
}

/** A range where several runs found different ones. */
function ratioText({ ratio, runs }: Line): string {
  if (ratio === undefined) return ''
  const [best, worst] = (runs?.ratios ?? [ratio, ratio]).map(number)
  return best === worst ? `${best} ×` : `${best}–${worst} ×`
}

function heldText({ held, runs }: Line): string {
  if (held === undefined) return ''
  const answer = held ? 'yes' : 'NO'
  return runs === undefined || runs.measured === 1
    ? answer
    : `${answer}, ${runs.held} of ${runs.measured}`
}

/** Three digits that count. */
export function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return ''
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const widths = [40, 10, 7, 24, 8, 7, 8, 10, 4]

/** The head of the columns, for a terminal. */
export const headText = (): string => columns(heads)

/** One line of the columns, and its note below it. */
export function lineText(line: Line): string {
  const note = line.note === undefined ? '' : `\n      ${line.note}`
  return columns(cells(line)) + note
}

/** The first and the fourth column are words; the others numbers, which end below each other. */
function columns(texts: readonly string[]): string {
  const padded = texts.map((text, at) => {
    const width = widths[at] ?? 0
    return at === 0 || at === 3 || at > 7 ? text.padEnd(width) : text.padStart(width)
  })
  return padded.join('  ').trimEnd()
}

export function markdownTable(lines: readonly Line[]): string {
  const row = (texts: readonly string[]) =>
    `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
  const rule = heads.map((_, at) => (at === 0 || at === 3 || at > 6 ? '---' : '---:'))
  return [row(heads), row(rule), ...lines.map((line) => row(cells(line)))].join('\n')
}
