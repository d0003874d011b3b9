/** Runs `host-process.ts` in a process of its own. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import type { Job } from './host-process.ts'

/** How the job ended: `{done: true}`, or the code and message of its error. */
type Outcome = { done?: true; code?: string; message?: string }

export interface SecondProcess {
  run(job: Job): Promise<Outcome>
  close(): void
}

/** Bundles the program; any user may run it. */
export async function prepareSecondProcess(): Promise<SecondProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'sbx-second-'))
  const program = join(folder, 'program.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('host-process.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  })
  chmodSync(folder, 0o755)
  return {
    run: async (job) => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(job)])
      return JSON.parse(stdout) as Outcome
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}
