/** `workspace:///{+path}`: URIs of the workspace's files, parsed here and nowhere else. */
import { argumentInvalid, shown } from '../errors.ts'
import { givenPath, type TreePath } from '../tree.ts'

const prefix = 'workspace:///'
/** Longer than any path that programs can open, fully encoded. */
const limitLength = 64 * 1024

/** The one spelling in which this server names a path. `parseWorkspaceUri` gives the path back. */
export function workspaceUri(path: TreePath): string {
  return prefix + path.split('/').map(encodeURIComponent).join('/')
}

/**
 * The path in the URI, decoded once; undefined for another scheme. `ARGUMENT_INVALID` for whatever is
 * not a plain relative path: a host, a leading, doubled, trailing or encoded slash, a backslash, NUL, a
 * query, a fragment, a dot segment (encoded or not), a scheme in capitals, broken percent-encoding.
 * Takes time linear in the length.
 */
export function parseWorkspaceUri(uri: string): TreePath | undefined {
  if (uri.slice(0, 10).toLowerCase() !== 'workspace:') return undefined
  const reason = reasonAgainst(uri)
  if (reason !== undefined) throw refused(uri, reason)
  let path: string
  try {
    path = decodeURIComponent(uri.slice(prefix.length))
  } catch {
    throw refused(uri, 'its percent-encoding is broken')
  }
  const parts = path.split('/')
  if (parts.some((part) => part === '.' || part === '..')) {
    throw refused(uri, 'it holds dot segments')
  }
  if (parts.includes('')) throw refused(uri, 'it names no file')
  if (!path.isWellFormed()) throw refused(uri, 'it is not well-formed Unicode')
  return givenPath(path)
}

function reasonAgainst(uri: string): string | undefined {
  if (uri.length > limitLength) return `it is longer than ${limitLength} characters`
  if (!uri.startsWith(prefix)) return `it does not begin with ${prefix}`
  const encoded = uri.slice(prefix.length)
  if (encoded.startsWith('/')) return 'its path is absolute'
  if (encoded.endsWith('/')) return 'it ends with a slash, as a directory would'
  if (/[?#]/.test(encoded)) return 'it holds ? or #, which a path must encode'
  // In a file's name it is legal, and dangerous where it separates: only the encoded one can be meant.
  if (encoded.includes('\\')) return 'it holds a backslash, which a path must encode'
  if (process.platform === 'win32' && /%5c/i.test(encoded)) return 'it holds an encoded backslash'
  if (encoded.includes('\0') || encoded.includes('%00')) return 'it holds a NUL byte'
  if (/%2f/i.test(encoded)) return 'it holds an encoded slash'
  return undefined
}

const refused = (uri: string, reason: string) =>
  argumentInvalid(
    `${shown(uri)} is not a workspace URI: ${reason}`,
    'They look like workspace:///src/a.ts.',
  )
