/** Rows in aligned columns. */

/** Lines as wide as all terminals are. */
const mostColumns = 100
const gap = '  '

/**
 * Columns as wide as their widest cell; `flexible`, the index of one, is cut at its beginning where a
 * line would be too long. Without trailing blanks.
 */
export function table(rows: readonly (readonly string[])[], flexible?: number): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => width(row[at] ?? ''))),
  )
  if (flexible !== undefined) {
    const fixed = widths.filter((_, at) => at !== flexible)
    const room = mostColumns - fixed.reduce((sum, one) => sum + one + gap.length, 0)
    widths[flexible] = Math.max(12, Math.min(widths[flexible] ?? 0, room))
  }
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const most = widths[at] ?? 0
        const shownCell = at === flexible ? cutHead(cell, most) : cell
        return shownCell + ' '.repeat(Math.max(0, most - width(shownCell)))
      })
      .join(gap)
      .trimEnd(),
  )
}

/** The end says more of a path than its beginning. */
function cutHead(text: string, most: number): string {
  return width(text) <= most ? text : `\u2026${[...text].slice(1 - most).join('')}`
}

const width = (text: string) => [...text].length
