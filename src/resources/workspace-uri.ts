/** `workspace:///{+path}`: URIs of the workspace's files, parsed here and nowhere else. */
import { shown } from '../errors.ts'
import { type TreePath, treePath } from '../tree.ts'

const prefix = 'workspace:///'

export function workspaceUri(path: TreePath): string {
  return prefix + path.split('/').map(encodeURIComponent).join('/')
}

/**
 * The path in the URI, decoded once. Undefined for another scheme. Throws for one that is not a plain
 * relative path: an encoded slash or backslash, a leading slash, a host, a query or a dot segment.
 */
export function parseWorkspaceUri(uri: string): TreePath | undefined {
  if (!/^workspace:/i.test(uri)) return undefined
  const refuse = (reason: string) =>
    new Error(
      `${shown(uri)} is not a workspace URI: ${reason}; they look like workspace:///src/a.ts`,
    )
  if (!uri.startsWith(prefix)) throw refuse('it does not begin with workspace:///')
  const encoded = uri.slice(prefix.length)
  if (encoded.startsWith('/')) throw refuse('its path is absolute')
  if (/[?#\\]/.test(encoded)) throw refuse('it holds one of ? # \\ (encode them)')
  if (/%2f|%5c|%00/i.test(encoded)) throw refuse('it holds an encoded slash, backslash or NUL')
  let path: string
  try {
    path = decodeURIComponent(encoded)
  } catch {
    throw refuse('its percent-encoding is broken')
  }
  if (path.split('/').some((part) => part === '.' || part === '..')) {
    throw refuse('it holds dot segments')
  }
  return treePath(path)
}
