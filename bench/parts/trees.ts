/** Trees of files as the mirror rows need them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const filesPerDirectory = 50

/**
 * Makes `files` files of `bytes` each in `folder`, fifty to a directory, no two alike. Resolves when
 * they are there.
 */
export function makeTree(folder: string, files: number, bytes: number): void {
  for (let n = 0; n < files; n++) {
    const directory = join(folder, `d${Math.floor(n / filesPerDirectory)}`)
    if (n % filesPerDirectory === 0) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `f${n}`), `${n}\n`.padEnd(bytes - 1, `text ${n} `).concat('\n'))
  }
}
