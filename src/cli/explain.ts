/** `sandbox-mcp explain`. */
import { resolveSettings } from '../config/resolve.ts'
import type { Source } from '../config/source.ts'
import { oneLine } from '../errors.ts'
import { backendOf } from '../sessions/mode.ts'
import { readArguments } from './arguments.ts'
import type { Explained } from './decision.ts'
import { type ExplainedSetting, type Explanation, explain, shortSource } from './explanation.ts'
import { readSettings } from './settings-file.ts'
import { table } from './table.ts'
import { coloured, print, printJson } from './terminal.ts'

export async function run(argv: readonly string[]): Promise<number> {
  const args = await readArguments('explain', argv)
  if (args === undefined) return 0
  const resolved = await resolveSettings(args.server, process.env, readSettings)
  const explanation = await explain(resolved)
  if (args.given.json !== undefined) await printJson(asJson(explanation))
  else await print(`${linesOf(explanation, backendOf(resolved.settings)).join('\n')}\n`)
  return explanation.problems.length === 0 ? 0 : 2
}

function linesOf(explanation: Explanation, backend: string): string[] {
  const { problems, decision, mounts, tools, settings, filesRead, warnings } = explanation
  const shown = settings.filter((setting) => isRelevant(setting, backend))
  // Which file it is stands at the end.
  const here = (words: string) => words.replaceAll(` in ${filesRead[0]}`, '')
  const part = (lines: readonly string[]) => (lines.length === 0 ? [] : [...lines, ''])
  return [
    ...part(
      problems.flatMap(({ message, hint }) => [
        `${coloured('red', '\u2716')} ${here(message)}`,
        `  \u2192 ${hint}`,
      ]),
    ),
    ...part(
      Object.entries(decision).map(([about, what]) => `${about.padEnd(11)}${explained(what)}`),
    ),
    ...part(
      mounts.length === 0
        ? []
        : headed([
            ['INSIDE', 'ON THIS MACHINE', 'ACCESS', 'HOW', 'FROM'],
            ...mounts.map(({ sandbox, host, writable, how, source }) => [
              ...[sandbox, host, writable ? 'rw' : 'ro', how, source],
            ]),
          ]),
    ),
    ...part(
      headed([
        ['TOOL', 'OFFERED', 'WHY'],
        ...tools.map(({ name, offered, why }) => [name, offered ? 'yes' : 'no', why]),
      ]),
    ),
    ...part(
      headed([
        ['SETTING', 'VALUE', 'FROM'],
        ...shown.flatMap((setting) => settingRows(setting, filesRead)),
      ]),
    ),
    ...part(warnings.map((warning) => `${coloured('yellow', '!')} ${oneLine(warning)}`)),
    `Read: ${filesRead.join(', ') || 'no file'}`,
    ...howToChange(filesRead),
  ]
}

function headed(rows: readonly (readonly string[])[]): string[] {
  const [head = '', ...lines] = table(rows)
  return [coloured('bold', head), ...lines]
}

function explained({ value, source, meaning }: Explained): string {
  const because = source === undefined ? '' : ` (${source})`
  return oneLine(`${value}${because}${meaning === undefined ? '' : `: ${meaning}`}`)
}

/** The value, what was added to it, and what lost against it. */
function settingRows(
  { key, value, source, also, lost }: ExplainedSetting,
  filesRead: readonly string[],
): string[][] {
  // The key is in the row already.
  const short = (one: Source) =>
    shortSource(one, filesRead).replace(`.sandbox.${key} (`, '.sandbox (')
  return [
    [key, valueText(value), [source, ...also].map((one) => short(one)).join(', ')],
    ...lost.map((other) => ['', `not ${valueText(other.value)}`, short(other.source)]),
  ]
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
  const line = text.replaceAll('\n', '\\n')
  return line.length > 60 ? `${line.slice(0, 59)}\u2026` : line
}

const ownersOf: Readonly<Record<string, readonly string[]>> = {
  docker: ['docker', 'auto'],
  bubblewrap: ['bubblewrap', 'auto'],
  ssh: ['ssh'],
  openshell: ['openshell'],
  sync: ['ssh', 'openshell'],
}

/** What was set always is; what was not where it has an effect. */
function isRelevant({ key, source, lost }: ExplainedSetting, backend: string): boolean {
  if (source.kind !== 'default' || lost.length > 0) return true
  const owners = ownersOf[key.split('.')[0] ?? '']
  return owners === undefined || owners.includes(backend)
}

function howToChange([file]: readonly string[]): string[] {
  const place = file ?? '~/.config/sandbox-mcp/config.json5'
  return [
    'To change a setting: its flag (see sandbox-mcp --help), or --set SETTING=VALUE,',
    `or below agents.defaults.sandbox in ${place}.`,
    'Flags win over --set, that over the environment, that over the file, and an agent\u2019s own over all agents\u2019.',
  ]
}

function asJson({ problems, decision, ...rest }: Explanation) {
  const words = Object.entries(decision).map(([about, what]) => [
    about.toLowerCase().replaceAll(/ (\w)/g, (_, letter: string) => letter.toUpperCase()),
    what,
  ])
  return {
    ...rest,
    decision: Object.fromEntries(words),
    problems: problems.map(({ code, message, hint }) => ({ code, message, hint })),
  }
}
