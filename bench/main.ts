/**
 * The benchmark, run by scripts/bench.mjs, which has prepared the machine. Exit codes: 0 measured, 1
 * something broke or, with --check, missed its target; 2 bad usage; 130 stopped.
 */
import { realpathSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { describeMachine, machineText } from './machine.ts'
import { measureSection } from './measure.ts'
import { mergeRuns } from './merge.ts'
import { help, type Options, parseOptions } from './options.ts'
import { manySessions, tellMemoryOfSessions } from './parts/many-sessions.ts'
import { readRun, writeChart, writeMarkdown, writeRun } from './report.ts'
import type { Line, Run } from './result.ts'
import { sections } from './rows/all.ts'
import { Stage } from './stage.ts'
import { headText, lineText } from './table.ts'

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interruption.abort(new Error(`stopped by ${name}`)))
}
const { signal } = interruption

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  if (!signal.aborted) throw error
  console.error(`\n${signal.reason.message}; nothing is written`)
  return 130
})

async function main(args: readonly string[]): Promise<number> {
  const [part, ...of] = args
  if (part === manySessions) return tellMemoryOfSessions(of)
  let options: Options
  try {
    options = parseOptions(args)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    return 2
  }
  if (options.help) console.log(help)
  else if (options.list) list()
  else if (options.merge !== undefined) return merge(options.merge, options)
  else return measure(options)
  return 0
}

function list(): void {
  for (const { id, title } of sections.flatMap(({ rows }) => rows)) {
    console.log(`${id.padEnd(28)} ${title}`)
  }
}

function merge(names: readonly string[], options: Options): number {
  const runs = names.map(readRun)
  const lines = mergeRuns(runs)
  console.log([headText(), ...lines.map(lineText)].join('\n'))
  if (options.markdown !== undefined) writeMarkdown(options.markdown, lines, runs)
  if (options.svg !== undefined) writeChart(options.svg, lines, runs)
  return exitCode(lines, options)
}

async function measure(options: Options): Promise<number> {
  const started = new Date()
  const machine = await describeMachine(loadavg()[0] ?? 0)
  console.log(`\n${machineText(machine)}\n\n${headText()}`)
  const lines: Line[] = []
  const tell = (line: Line) => {
    lines.push(line)
    console.log(lineText(line))
  }
  const stage = new Stage(realpathSync(tmpdir()), signal)
  try {
    for (const section of sections) await measureSection(section, options, stage, tell)
  } finally {
    await stage.close()
  }
  const seconds = Math.round((Date.now() - started.getTime()) / 1000)
  const run: Run = {
    started: started.toISOString(),
    seconds,
    quick: options.quick,
    machine,
    lines,
  }
  write(run, options)
  return exitCode(lines, options)
}

function write(run: Run, { json, markdown, svg, only, quick }: Options): void {
  const file = json ?? `bench/results/${run.started.replaceAll(':', '-').slice(0, 19)}.json`
  writeRun(file, run)
  if (markdown !== undefined) writeMarkdown(markdown, run.lines, [run])
  const chart = svg ?? (only === undefined && !quick ? 'docs/benchmarks.svg' : undefined)
  if (chart !== undefined) writeChart(chart, run.lines, [run])
  const written = [file, markdown, chart].filter((name) => name !== undefined)
  console.log(`\n${run.seconds} s; written: ${written.join(', ')}`)
}

function exitCode(lines: readonly Line[], { check }: Options): number {
  const failed = lines.filter((line) => line.failed !== undefined)
  for (const { row, peer, failed: why } of failed) {
    console.error(`\n${row}${peer === undefined ? '' : ` beside ${peer.name}`} failed: ${why}`)
  }
  const missed = lines.filter(({ held }) => held === false).length
  const aimed = lines.filter(({ held }) => held !== undefined).length
  console.log(`${aimed - missed} of ${aimed} targets held`)
  return failed.length > 0 || (check && missed > 0) ? 1 : 0
}
