/**
 * What files held when a tree last saw them. By now they may hold something else: who uses it relies on its digest, too,
 * and reads the file where that is stale.
 */
import type { TreePath } from '../tree.ts'

/** Of one file; what is larger is generated, and seldom edited. */
const fileLimitBytes = 128 * 1024
const allLimitBytes = 512 * 1024

/** Holds no more than half a megabyte; what was neither seen nor used for the longest time goes first. */
export class ContentCache {
  readonly #files = new Map<TreePath, Buffer>()
  #bytes = 0

  get(path: TreePath): Buffer | undefined {
    const content = this.#files.get(path)
    if (content === undefined) return undefined
    this.#files.delete(path)
    this.#files.set(path, content)
    return content
  }

  /** The bytes are copied: they may be a part of what is much larger. */
  put(path: TreePath, bytes: Uint8Array): void {
    this.forget(path)
    if (bytes.length > fileLimitBytes) return
    this.#files.set(path, Buffer.from(bytes))
    this.#bytes += bytes.length
    for (const oldest of this.#files.keys()) {
      if (this.#bytes <= allLimitBytes) break
      this.forget(oldest)
    }
  }

  forget(path: TreePath): void {
    this.#bytes -= this.#files.get(path)?.length ?? 0
    this.#files.delete(path)
  }
}
