/** The benchmark, run by scripts/bench.mjs. Exit code 0 unless something broke; see `--help`. */
import { realpathSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { describeMachine, machineText } from './machine.ts'
import { measureSection } from './measure.ts'
import type { Line } from './result.ts'
import { exec } from './rows/exec.ts'
import { files } from './rows/files.ts'
import { mirror } from './rows/mirror.ts'
import { seed } from './rows/seed.ts'
import { Stage } from './stage.ts'
import { headText, lineText } from './table.ts'

const sections = [exec, files, ...mirror, seed]

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
})

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new Error(`stopped by ${signal}`)))
}

const lines: Line[] = []
const machine = await describeMachine(loadavg()[0] ?? 0)
console.log(`\n${machineText(machine)}\n\n${headText()}`)
const wish = {
  quick: values.quick,
  only: values.only === undefined ? undefined : new RegExp(values.only),
}
const stage = new Stage(realpathSync(tmpdir()), values.quick, interruption.signal)
const tell = (line: Line) => {
  lines.push(line)
  console.log(lineText(line))
}
try {
  for (const section of sections) await measureSection(section, wish, stage, tell)
} finally {
  await stage.close()
}
