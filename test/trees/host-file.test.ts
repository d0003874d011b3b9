/** Files of the host that change while they are read. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf } from '../../src/tree.ts'
import { chunks, digestOfFile, withFile } from '../../src/trees/host-file.ts'

const MiB = 1024 * 1024
let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sbx-host-file-'))
  path = join(folder, 'f')
})
afterEach(() => rmSync(folder, { recursive: true }))

test.each([0, 5, 3 * MiB])(
  'one of %i bytes that grows to a terabyte is not read for ever',
  (size) => {
    const content = Buffer.alloc(size, 'a')
    writeFileSync(path, content)
    withFile(path, (file) => {
      truncateSync(path, 1024 * 1024 * MiB)
      let read = 0
      for (const chunk of chunks(file)) {
        read += chunk.length
        if (read > 16 * MiB) break
      }
      expect(read).toBeGreaterThan(size)
      expect(read).toBeLessThan(size + 3 * MiB)
    })
  },
)

test('its digest is another than before', () => {
  writeFileSync(path, 'a')
  withFile(path, (file) => {
    truncateSync(path, 2)
    expect(digestOfFile(file)).toBe(digestOf(Buffer.from('a\0')))
  })
})
