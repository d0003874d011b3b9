/** The server's own options as completion offers them, and those that commands take along. */
import { serverFlags } from '../config/flags.ts'
import { backendNames } from '../config/values.ts'
import type { CommandOption } from './commands.ts'

const words: Readonly<Record<string, readonly string[]>> = {
  backend: backendNames,
  access: ['rw', 'ro', 'none'],
  network: ['none', 'bridge', 'host'],
}

/** By name, without the dashes. */
export const serverOptions: Readonly<Record<string, CommandOption>> = Object.fromEntries(
  Object.entries(serverFlags).map(([name, { type }]) => [
    name,
    {
      text: '',
      ...(type === 'string' ? { value: 'VALUE' } : {}),
      ...(words[name] === undefined ? {} : { words: words[name] }),
    },
  ]),
)
