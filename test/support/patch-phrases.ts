/** Patches rewritten, line by line, into what the Codex reference understands in the same way. */

/** Anything that ends the lines of a chunk. */
const headed = /^\s*(?:\*\*\* |@@)/

function rewrite(patch: string, change: (lines: string[]) => string[]): string {
  return change(patch.split(/\r?\n/)).join('\n')
}

/** Without the blank lines below an operation's header, and above one, a mark or the end. */
export function withoutSeparators(patch: string): string {
  return rewrite(patch.trim(), (lines) =>
    lines.filter((line, i) => {
      if (line.trim() !== '') return true
      const next = lines.slice(i).find((other) => other.trim() !== '') ?? '***'
      const above = lines.slice(0, i).findLast((other) => other.trim() !== '') ?? '***'
      const isHeader = /^\s*\*\*\* (?!End of File)/
      const operation = lines.slice(0, i).findLast((other) => /^\s*\*\*\* \w+ File/.test(other))
      // In an update, a blank is the sign of a context line.
      if (line.startsWith(' ') && operation?.includes('Update') === true) return true
      return !headed.test(next) && !isHeader.test(above)
    }),
  )
}

export function withoutMovesToSelf(patch: string): string {
  return patch.replace(/^(\*\*\* Update File: (?:\.\/)?(.*))\n\*\*\* Move to: (?:\.\/)?\2$/gm, '$1')
}

/** A chunk that only adds, below a context, with the context as its first line; bare marks below it as nothing. */
export function contextsOfInsertionsAsLines(patch: string): string {
  return rewrite(patch, (lines) => {
    const written: string[] = []
    for (let i = 0; i < lines.length; i += 1) {
      const line = lines[i] ?? ''
      let last = i
      while (lines[last + 1]?.trim() === '@@') last += 1
      const body = bodyBelow(lines, last)
      const ends = lines[last + 1 + body.length]?.startsWith('*** End of File') === true
      const inserts = body.some((one) => one !== '') && body.every((one) => /^(\+|$)/.test(one))
      if (/^@@ .*\S/.test(line) && inserts && !ends) {
        written.push('@@', ` ${line.slice(3)}`)
        i = last
      } else written.push(line)
    }
    return written
  })
}

/** Each but the last of stacked contexts as a chunk of its own; bare marks in a stack as nothing. */
export function stackedContextsAsChunks(patch: string): string {
  return rewrite(patch, (lines) =>
    lines.flatMap((line, i) => {
      if (!line.startsWith('@@') || lines[i + 1]?.startsWith('@@') !== true) return [line]
      return line.trim() === '@@' ? [] : ['@@', ` ${line.slice(3)}`]
    }),
  )
}

/** The reference takes a chunk of one blank line for one that changes nothing. */
export function bareMovesWithEmptyChunks(patch: string): string {
  return rewrite(patch, (lines) =>
    lines.flatMap((line, i) => {
      const next = lines.slice(i + 1).find((other) => other.trim() !== '') ?? '***'
      const bare = line.startsWith('*** Move to: ') && /^\s*\*\*\* /.test(next)
      return bare ? [line, '@@', ''] : [line]
    }),
  )
}

/** True when a file's chunk that only adds, and has no context, is followed by another chunk. */
export function insertsBeforeMore(patch: string): boolean {
  const lines = patch.split(/\r?\n/)
  return lines.some((line, i) => {
    if (line.trim() !== '@@' && !line.startsWith('*** Update File: ')) return false
    const body = bodyBelow(lines, i)
    const below = lines.slice(i + 1 + body.length)
    const next = below[0] === '*** End of File' ? below[1] : below[0]
    return body.length > 0 && body.every((one) => /^(\+|$)/.test(one)) && /^@@/.test(next ?? '')
  })
}

export function hasEmptyChunk(patch: string): boolean {
  return /^(?:@@|\*\*\* Update File: ).*\n(?:[^\S\n]*\n)+\*\*\* /m.test(patch)
}

/** True when the only old lines of a chunk are blank. */
export function hasOnlyBlankContext(patch: string): boolean {
  const lines = patch.split(/\r?\n/)
  return lines.some((line, i) => {
    const old = bodyBelow(lines, i).filter((one) => !one.startsWith('+'))
    return headed.test(line) && old.length > 0 && old.every((one) => /^[ -]?$/.test(one))
  })
}

function bodyBelow(lines: readonly string[], mark: number): string[] {
  const rest = lines.slice(mark + 1)
  const end = rest.findIndex((line) => headed.test(line) && !line.startsWith(' '))
  return end === -1 ? rest : rest.slice(0, end)
}
