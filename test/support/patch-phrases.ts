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
  return patch.replace(
    /^(\s*\*\*\* Update File: (?:\.\/)?(.*))\n\*\*\* Move to: (?:\.\/)?\2$/gm,
    '$1',
  )
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

/** The reference takes a chunk of one blank line for one that changes nothing, and any other blank line there for context. */
export function bareMovesWithEmptyChunks(patch: string): string {
  return rewrite(patch, (lines) => {
    const written: string[] = []
    for (let i = 0; i < lines.length; i += 1) {
      const line = lines[i] ?? ''
      written.push(line)
      if (!line.startsWith('*** Move to: ')) continue
      let last = i
      while (lines[last + 1]?.trim() === '') last += 1
      if (!/^\s*\*\*\* /.test(lines[last + 1] ?? '***')) continue
      written.push('@@', '')
      i = last
    }
    return written
  })
}

/** True when a file's chunk that only adds, and has no context or is at the end, is followed by another chunk. */
export function insertsBeforeMore(patch: string): boolean {
  const lines = patch.split(/\r?\n/)
  return lines.some((line, i) => {
    if (!/^(?:@@|\s*\*\*\* Update File: )/.test(line)) return false
    const body = bodyBelow(lines, i)
    const below = lines.slice(i + 1 + body.length)
    const atEnd = below[0]?.trim() === '*** End of File'
    if (/^@@ .*\S/.test(line) && !atEnd) return false
    const next = atEnd ? below.slice(1).find((one) => one !== '') : below[0]
    return body.length > 0 && body.every((one) => /^(\+|$)/.test(one)) && /^@@/.test(next ?? '')
  })
}

export function hasEmptyChunk(patch: string): boolean {
  return /^(?:@@|\s*\*\*\* (?:Update File|Move to): ).*\n(?:[^\S\n]*\n)*\s*\*\*\* /m.test(patch)
}

/** True when the only old line of the chunk that a refusal names is blank. */
export function hasOnlyBlankContext(patch: string, refusal: string): boolean {
  const lines = patch.split(/\r?\n/)
  const at = Number(/chunk at line (\d+) of the patch/.exec(refusal)?.[1]) - 1
  // One without a mark is named by its first line.
  let mark = lines[at]?.startsWith('@@') ? at : at - 1
  for (let next = mark; lines[next]?.startsWith('@@'); ) {
    mark = next
    do next += 1
    while (lines[next] === '')
  }
  const old = bodyBelow(lines, mark).filter((one) => !one.startsWith('+'))
  return old.length === 1 && isBlank(old[0])
}

/** Of each chunk whose last line is blank before and after, the one before as none, or as added if it is kept. */
export function withoutLastOldBlank(patch: string): string {
  return rewrite(patch, (lines) => {
    const written = [...lines]
    for (let mark = lines.length - 1; mark >= 0; mark -= 1) {
      if (!isMark(lines[mark] ?? '')) continue
      const body = bodyBelow(lines, mark)
      const old = body.findLastIndex((one) => !one.startsWith('+'))
      const last = body.findLastIndex((one) => !one.startsWith('-'))
      if (old === last || !isBlank(body[old]) || !isBlank(body[last])) continue
      written.splice(mark + 1 + old, 1, ...(body[old] === '-' ? [] : ['+']))
    }
    return written
  })
}

/** Of each chunk, the blank lines that are its last old ones as none, or as added where something is added below them. */
export function withoutOldBlanksAtEnd(patch: string): string {
  return rewrite(patch, (lines) => {
    const written = [...lines]
    for (let mark = lines.length - 1; mark >= 0; mark -= 1) {
      if (!isMark(lines[mark] ?? '')) continue
      const body = bodyBelow(lines, mark)
      for (let at = body.length - 1, added = false; at > 0; at -= 1) {
        const line = body[at] ?? ''
        if (line.startsWith('+')) added = true
        else if (!isBlank(line)) break
        else written.splice(mark + 1 + at, 1, ...(line !== '-' && added ? ['+'] : []))
      }
    }
    return written
  })
}

const isBlank = (line: string | undefined) => line !== undefined && /^[ +-]?$/.test(line)

/** In a chunk, a blank is the sign of a context line. */
const isMark = (line: string) => headed.test(line) && !line.startsWith(' ')

function bodyBelow(lines: readonly string[], mark: number): string[] {
  const rest = lines.slice(mark + 1)
  const end = rest.findIndex(isMark)
  return end === -1 ? rest : rest.slice(0, end)
}
