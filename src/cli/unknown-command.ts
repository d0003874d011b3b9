import { existsSync } from 'node:fs'
import { nearestWord } from '../config/nearest-word.ts'
import { configInvalid, shown } from '../errors.ts'
import { commands } from './commands.ts'

/** `CONFIG_INVALID` with the command that may have been meant. */
export function refuse(name: string): never {
  const names = Object.keys(commands)
  const near = nearestWord(name, [...names, 'help'])
  const meant = near === 'help' ? '--help' : near
  const hint = existsSync(name)
    ? `If it is the project: --workspace ${name}. `
    : meant === undefined
      ? ''
      : `Did you mean "sandbox-mcp ${meant}"? `
  throw configInvalid(
    `there is no command ${shown(name)}`,
    `${hint}There are ${names.join(', ')}; see --help.`,
  )
}
