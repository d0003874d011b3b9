/** The work that shows lost updates: a number in a file, raised by many at once. */
import { isSandboxError } from '../../src/errors.ts'
import { digestOf, type Tree, treePath } from '../../src/tree.ts'

/** Raises the number in `file` by one, `times` times, each relying on what it read. */
export async function increment(tree: Tree, file: string, times: number): Promise<void> {
  const path = treePath(file)
  for (let done = 0; done < times; ) {
    const { bytes } = await tree.read(path)
    const after = { bytes: Buffer.from(String(Number(bytes.toString()) + 1)) }
    try {
      await tree.apply([{ path, before: { digest: digestOf(bytes) }, after }])
      done++
    } catch (error) {
      if (!isSandboxError(error, 'FILE_STALE')) throw error
    }
  }
}
