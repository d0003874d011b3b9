/** Where the outcome of a run, or of several, is written. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { machineText } from './machine.ts'
import type { Line, Run } from './result.ts'
import { chart } from './svg.ts'
import { markdownTable } from './table.ts'

/** What the chart shows: a row of each kind, as many as are seen at once. */
const drawn = [
  'exec/docker',
  'exec/bubblewrap',
  'exec/ssh',
  'files/read-docker',
  'files/write-docker',
  'files/edit-docker',
  'mirror/nothing-10000',
  'mirror/each-way-10000',
  'seed/ssh',
  'start/initialize',
  'parallel/docker',
  'output/docker',
]

const [begin, end] = ['<!-- measured: begin -->', '<!-- measured: end -->']

export function writeRun(file: string, run: Run): void {
  write(file, `${JSON.stringify(run, undefined, 1)}\n`)
}

export function readRun(file: string): Run {
  return JSON.parse(readFileSync(file, 'utf8'))
}

export function writeChart(file: string, lines: readonly Line[], runs: readonly Run[]): void {
  const [run] = runs as [Run]
  const { cpu, cores, node } = run.machine
  const caption = `Medians over MCP, warm. ${cpu}, ${cores} cores, Node ${node}, ${run.started.slice(0, 10)}.`
  write(file, chart(lines, drawn, caption))
}

/** Replaces what a file has between its two marks; a file without them becomes the table alone. */
export function writeMarkdown(file: string, lines: readonly Line[], runs: readonly Run[]): void {
  const measured = [begin, '', markdown(lines, runs), '', end].join('\n')
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const [from, to] = [before.indexOf(begin), before.indexOf(end)]
  const marked = from >= 0 && to > from
  write(
    file,
    marked ? before.slice(0, from) + measured + before.slice(to + end.length) : `${measured}\n`,
  )
}

function markdown(lines: readonly Line[], runs: readonly Run[]): string {
  const [run] = runs as [Run]
  const times = runs.map(({ started, machine }) => {
    return `${started.slice(0, 16).replace('T', ' ')} UTC (load ${machine.load.toFixed(2)})`
  })
  const aimed = lines.filter(({ held }) => held !== undefined)
  const held = aimed.filter((line) => line.held).length
  const all = runs.length > 1 ? ` in all ${runs.length} runs` : ''
  const kind = runs.some(({ quick }) => quick) ? 'Quick runs' : 'Runs'
  return [
    `${kind} of ${times.join(', ')}, on ${machineText(run.machine)}.`,
    '',
    `${held} of ${aimed.length} targets held${all}.`,
    '',
    markdownTable(lines),
  ].join('\n')
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
