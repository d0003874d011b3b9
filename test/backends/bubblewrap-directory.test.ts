import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { removeDirectory } from '../../src/backends/bubblewrap/directory.ts'

test('a directory is removed in which something is still made', async () => {
  for (let round = 0; round < 2; round++) {
    const directory = mkdtempSync(join(tmpdir(), 'sandbox-mcp-removed-'))
    // Ends as soon as there is no such directory any more.
    const script = 'echo begun; i=0; while [ $i -lt 1000 ] && : >"$PWD/$i"; do i=$((i + 1)); done'
    const making = spawn('sh', ['-c', script], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = once(making, 'close')
    await once(making.stdout, 'data')
    await removeDirectory(directory)
    expect(existsSync(directory)).toBe(false)
    making.kill('SIGKILL')
    await ended
  }
  await removeDirectory('/nowhere/at/all')
})
