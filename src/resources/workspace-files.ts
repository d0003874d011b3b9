/** The workspace's files as resources: listed page by page in a stable order, and read. */
import { extname } from 'node:path/posix'
import ignore, { type Ignore } from 'ignore'
import { fileTooLarge, isSandboxError } from '../errors.ts'
import { imageType, utf16 } from '../tools/file-kind.ts'
import { type Tree, type TreePath, treePath, treeRoot } from '../tree.ts'
import { workspaceUri } from './workspace-uri.ts'

export interface ListedResource {
  readonly uri: string
  readonly name: string
  readonly mimeType: string
  readonly size: number
  readonly annotations: { readonly lastModified: string }
}

export interface ResourcePage {
  readonly resources: readonly ListedResource[]
  /** The path after which the next page begins; undefined at the end. */
  readonly next: TreePath | undefined
}

export type ResourceContent =
  | { readonly uri: string; readonly mimeType: string; readonly text: string }
  | { readonly uri: string; readonly mimeType: string; readonly blob: string }

const pageSize = 200
/** As base64 it stays below what clients accept in one message. */
const readLimitBytes = 5 * 1024 * 1024

/**
 * The files after `after` in depth-first byte order, without what `.gitignore` files leave out and
 * without `.git`. Walks only as far as the page needs. Links are not listed.
 */
export async function listFiles(tree: Tree, after: TreePath | undefined): Promise<ResourcePage> {
  const resources: ListedResource[] = []
  const last = { path: treeRoot }
  const start = after === undefined ? [] : after.split('/')
  const complete = await walk(tree, treeRoot, [], start, (path, size, modifiedMs) => {
    if (resources.length === pageSize) return false
    resources.push({
      uri: workspaceUri(path),
      name: path,
      mimeType: mimeTypeOf(path),
      size,
      annotations: { lastModified: new Date(modifiedMs).toISOString() },
    })
    last.path = path
    return true
  })
  return { resources, next: complete ? undefined : last.path }
}

export async function readFileResource(tree: Tree, path: TreePath): Promise<ResourceContent> {
  const { size } = await tree.stat(path)
  if (size > readLimitBytes) throw fileTooLarge(path, size, readLimitBytes)
  const { bytes } = await tree.read(path)
  const uri = workspaceUri(path)
  const image = imageType(bytes)
  const text = image === undefined ? decoded(bytes) : undefined
  if (text !== undefined) return { uri, mimeType: mimeTypeOf(path), text }
  const byName = mimeTypeOf(path)
  const mimeType = image ?? (byName === 'text/plain' ? 'application/octet-stream' : byName)
  return { uri, mimeType, blob: bytes.toString('base64') }
}

type Visit = (path: TreePath, size: number, modifiedMs: number) => boolean

/** False when `visit` said that it has enough. `start` are the components to begin after. */
async function walk(
  tree: Tree,
  directory: TreePath,
  rules: readonly { readonly base: string; readonly matcher: Ignore }[],
  start: readonly string[],
  visit: Visit,
): Promise<boolean> {
  const entries = await tree.list(directory).catch((error: unknown) => {
    // Removed or made unreadable since its parent was listed.
    if (isSandboxError(error) && directory !== treeRoot) return []
    throw error
  })
  const here = entries.some(({ name, kind }) => name === '.gitignore' && kind === 'file')
    ? [...rules, { base: directory, matcher: await matcherIn(tree, directory) }]
    : rules
  const [from, ...rest] = start
  for (const { name, kind, size, modifiedMs } of entries) {
    if (from !== undefined && compareBytes(name, from) < 0) continue
    if (name === from && (kind !== 'directory' || rest.length === 0)) continue
    if (kind !== 'file' && kind !== 'directory') continue
    const path = treePath(directory === treeRoot ? name : `${directory}/${name}`)
    if (name === '.git' || isIgnored(path, kind === 'directory', here)) continue
    if (kind === 'file') {
      if (!visit(path, size, modifiedMs)) return false
    } else if (!(await walk(tree, path, here, name === from ? rest : [], visit))) {
      return false
    }
  }
  return true
}

const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

async function matcherIn(tree: Tree, directory: TreePath): Promise<Ignore> {
  const path = treePath(`${directory}/.gitignore`.replace(/^\//, ''))
  const { bytes } = await tree.read(path, { offset: 0, length: 256 * 1024 })
  return ignore().add(bytes.toString('utf8'))
}

/** As git decides: the deepest file that has a rule for the path wins. */
function isIgnored(
  path: string,
  isDirectory: boolean,
  rules: readonly { readonly base: string; readonly matcher: Ignore }[],
): boolean {
  for (const { base, matcher } of [...rules].reverse()) {
    const relative = base === '' ? path : path.slice(base.length + 1)
    const { ignored, unignored } = matcher.test(isDirectory ? `${relative}/` : relative)
    if (ignored || unignored) return ignored
  }
  return false
}

function decoded(bytes: Buffer): string | undefined {
  const encoding = utf16(bytes)
  if (encoding !== undefined) return new TextDecoder(encoding).decode(bytes)
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const mimeTypes: Readonly<Record<string, string>> = {
  '.c': 'text/x-c',
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.gif': 'image/gif',
  '.go': 'text/x-go',
  '.h': 'text/x-c',
  '.html': 'text/html',
  '.java': 'text/x-java',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.mjs': 'text/javascript',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.py': 'text/x-python',
  '.rs': 'text/x-rust',
  '.sh': 'text/x-shellscript',
  '.svg': 'image/svg+xml',
  '.toml': 'application/toml',
  '.ts': 'text/x-typescript',
  '.webp': 'image/webp',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.zip': 'application/zip',
}

function mimeTypeOf(path: string): string {
  return mimeTypes[extname(path).toLowerCase()] ?? 'text/plain'
}
