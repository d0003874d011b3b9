/**
 * The program `openshell` of the test double. Its launcher names the state directory of the double in
 * OPENSHELL_DOUBLE_STATE, and itself in OPENSHELL_DOUBLE_EXECUTABLE.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast, type Knobs } from '../protocol.ts'
import { commands } from './commands.ts'
import { Context, readKnobs } from './context.ts'
import { parse, UsageError } from './parse.ts'
import { Failure, report } from './report.ts'
import { help } from './usage.ts'

const state = process.env.OPENSHELL_DOUBLE_STATE ?? ''
const knobs = readKnobs(state)
const args = process.argv.slice(2)
appendFileSync(join(state, 'invocations.jsonl'), `${JSON.stringify(args)}\n`)
if (knobs.slowCliMs > 0) await sleep(knobs.slowCliMs)
// Whatever is still open, a watch say, does not keep the program from ending.
process.exit(await run(knobs).catch(failed))

function failed(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(error.message)
    return 2
  }
  if (!(error instanceof Failure)) throw error
  process.stderr.write(report(error, knobs.asciiErrors))
  return 1
}

async function run({ version }: Knobs): Promise<number> {
  const parsed = parse(args, version, process.env)
  if (parsed.version) {
    process.stdout.write(`openshell ${version}\n`)
    return 0
  }
  const group = parsed.path.at(-1)?.commands !== undefined
  if (parsed.help || group) {
    process.stdout.write(
      help(parsed.path, (since) => since === undefined || atLeast(version, since)),
    )
    return 0
  }
  const words = parsed.path.slice(1).map(({ name }) => name)
  const command = commands[words.join(' ')]
  if (command === undefined) throw new Error(`the double has no ${words.join(' ')}`)
  const context = new Context(parsed, knobs, process.env.OPENSHELL_DOUBLE_EXECUTABLE ?? '')
  const code = await command(context)
  return typeof code === 'number' ? code : 0
}
