/** The chart of the README: for each row a bar of ours above those of its peers. Pure. */
import type { Line, Unit } from './result.ts'
import { number } from './table.ts'

interface Bar {
  readonly name: string
  readonly value: number
  readonly isOurs: boolean
}

interface Group {
  readonly title: string
  readonly unit: Unit
  readonly bars: readonly Bar[]
}

const ourName = 'sandbox-mcp'
const [width, labelWidth, valueWidth, barHeight, titleHeight, gap] = [760, 190, 90, 16, 22, 14]
const longest = width - labelWidth - valueWidth

/** Readable on light and dark pages: the reader's colours, and no ground of its own. */
const style = `
  text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px }
  .name { text-anchor: end }
  .ours { fill: #0969da } .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ours { fill: #4493f8 } .peer { fill: #6e7681 }
  }`

/**
 * Draws the lines of `rows`, in that order; those that were not measured are left out. Each row has
 * a scale of its own, its longest bar filling the width.
 */
export function chart(lines: readonly Line[], rows: readonly string[], caption: string): string {
  const groups = rows.map((row) => groupOf(lines.filter((line) => line.row === row)))
  const parts: string[] = []
  let y = 20
  for (const group of groups) {
    if (group === undefined) continue
    parts.push(text(0, y, `${group.title}, ${group.unit}`, 'title'))
    y += titleHeight - barHeight / 2
    const scale = longest / Math.max(...group.bars.map(({ value }) => value))
    for (const bar of group.bars) {
      parts.push(drawBar(bar, y, scale))
      y += barHeight + 3
    }
    y += gap
  }
  parts.push(text(0, y, caption, 'caption'))
  const height = y + 12
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Medians of sandbox-mcp and others">`,
    `<style>${style}\n</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

/** Ours as it was beside the first peer, and all peers that were measured. */
function groupOf(lines: readonly Line[]): Group | undefined {
  const measured = lines.filter(({ ours }) => ours !== undefined)
  const [first] = measured
  if (first?.ours === undefined) return undefined
  const peers = measured.flatMap(({ peer }) =>
    peer?.summary === undefined
      ? []
      : [{ name: peer.name, value: peer.summary.p50, isOurs: false }],
  )
  const bars = [{ name: ourName, value: first.ours.p50, isOurs: true }, ...peers]
  return { title: first.title, unit: first.unit, bars }
}

function drawBar({ name, value, isOurs }: Bar, y: number, scale: number): string {
  const length = Math.max(value * scale, 1).toFixed(1)
  const middle = y + barHeight - 4
  const end = labelWidth + Number(length)
  return [
    text(labelWidth - 8, middle, name, 'name'),
    `<rect class="${isOurs ? 'ours' : 'peer'}" x="${labelWidth}" y="${y}" width="${length}" height="${barHeight}" rx="2"/>`,
    text(end + 6, middle, number(value), 'value'),
  ].join('')
}

function text(x: number, y: number, words: string, kind: string): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escaped}</text>`
}
