/**
 * What people call by name. In one piece, because pieces that share others make more of those: a server's
 * start would read thirty files instead of twenty.
 */
import type { Subcommand } from '../main.ts'
import type { CommandName } from './commands.ts'
import { run as completion } from './completion.ts'
import { run as config } from './config.ts'
import { run as doctor } from './doctor.ts'
import { run as explain } from './explain.ts'
import { run as init } from './init.ts'
import { run as list } from './list.ts'
import { run as prune } from './prune.ts'
import { run as recreate } from './recreate.ts'

export const subcommands: Readonly<Record<CommandName, Subcommand>> = {
  list,
  explain,
  recreate,
  prune,
  doctor,
  init,
  config,
  completion,
}
