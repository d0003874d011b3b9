/** Every row, in the order of the table. */
import type { Section } from '../row.ts'
import { exec } from './exec.ts'
import { files } from './files.ts'
import { memory } from './memory.ts'
import { mirror } from './mirror.ts'
import { output } from './output.ts'
import { parallel } from './parallel.ts'
import { seed } from './seed.ts'
import { startUp } from './start-up.ts'

export const sections: readonly Section[] = [
  exec,
  files,
  ...mirror,
  seed,
  startUp,
  parallel,
  output,
  memory,
]
