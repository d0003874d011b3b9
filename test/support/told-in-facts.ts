/** That a client which shows its model a result's structured content, in place of its text, withholds nothing. */

interface Facts {
  readonly notes?: readonly string[]
  readonly [name: string]: unknown
}

/** How a command stands is in facts of their own. */
const state = /^(?:exit code \d+ after [\d.]+ s|exited|running|killed|cancelled|timed-out|lost)$/

/** Throws for a line in brackets, after what was printed or read, that is no fact and no note. */
export function toldInFacts(blocks: readonly { readonly text?: string }[], facts: Facts): void {
  const shown = [facts.output, facts.content].find((one) => typeof one === 'string')
  const printed = typeof shown === 'string' ? shown.replace(/\n$/, '') : ''
  const [first = '', ...others] = blocks.flatMap(({ text }) => (text === undefined ? [] : [text]))
  const tail = first.startsWith(printed) ? first.slice(printed.length) : first
  const lines = [tail, ...others].join('\n').split('\n')
  const said = lines.flatMap((line) => /^\[(.*)\]$/.exec(line)?.[1] ?? [])
  const untold = said.filter((line) => !state.test(line) && !facts.notes?.includes(line))
  if (untold.length > 0) throw new Error(`the text says what no fact does: ${untold.join('; ')}`)
}
