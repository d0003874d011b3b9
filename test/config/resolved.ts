/** Settings as they are resolved from arguments, an environment and files that are texts. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Resolved, resolveSettings } from '../../src/config/resolve.ts'

export const usual = '/home/me/.config/sandbox-mcp/config.json5'

/** With what is wrong told in `problems`. `config` is the text of the usual file; `files` are others, by path. */
export function resolved(
  args: readonly string[],
  { config, env = {}, files = {} }: Given = {},
): Promise<Resolved> {
  const texts = config === undefined ? files : { ...files, [usual]: config }
  return resolveSettings(args, { HOME: '/home/me', ...env }, (path) => texts[path])
}

export interface Given {
  readonly config?: string
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
}

/** The text of a file in `files/`. */
export function fixture(name: string): string {
  return readFileSync(fileURLToPath(new URL(`files/${name}`, import.meta.url)), 'utf8')
}

/** What an `.env` file sets. */
export function variablesOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

/** Every origin that is no default, as `key: value <- where`. */
export function originLines({ origins }: Awaited<ReturnType<typeof resolveSettings>>): string[] {
  return [...origins]
    .filter(([, { source }]) => source.kind !== 'default')
    .map(
      ([
        key,
        {
          value,
          source: { name, place },
          lost,
        },
      ]) => {
        const where = place === undefined ? name : `${place}`
        const losers = lost.map(
          (other) => ` (not ${JSON.stringify(other.value)}: ${other.source.name})`,
        )
        return `${key}: ${JSON.stringify(value)} <- ${where}${losers.join('')}`
      },
    )
    .sort()
}
