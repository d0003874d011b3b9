/** Directories as plain values, so that a test compares all of one at once. */
import {
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Path to content, one character per byte; an executable file's path ends in `*`. */
export function contentsOf(root: string, below = ''): Record<string, string> {
  const contents: Record<string, string> = {}
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) {
      Object.assign(contents, contentsOf(root, path))
      continue
    }
    const executable = (statSync(join(root, path)).mode & 0o100) !== 0
    contents[executable ? `${path}*` : path] = readFileSync(join(root, path), 'latin1')
  }
  return contents
}

/** A real path of a directory with two empty ones in it; gone when the test is over. */
export function temporaryPair(): { root: string; inside: string } {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-test-')))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const root = join(directory, 'workspace')
  const inside = join(directory, 'inside')
  mkdirSync(root)
  mkdirSync(inside)
  return { root, inside }
}

/** Two new directories in `name` of `parent`. */
export function directoriesIn(parent: string, name: string): [root: string, inside: string] {
  const directories = ['workspace', 'inside'].map((one) => join(parent, name, one))
  for (const path of directories) mkdirSync(path, { recursive: true })
  return directories as [string, string]
}

/** Gives away `path` and all below it, and no target of a link. */
export function giveTo(path: string, uid: number, gid: number): void {
  lchownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) giveTo(inner, uid, gid)
    else lchownSync(inner, uid, gid)
  }
}
