/** URIs that try to get out of the workspace, or to mean two things; and why each is refused. */

export const hostileUris: readonly (readonly [name: string, uri: string, reason: string])[] = [
  ['a parent', 'workspace:///../ws-evil/secret', 'it holds dot segments'],
  ['a parent further on', 'workspace:///a/../../ws-evil/secret', 'it holds dot segments'],
  ['an encoded parent', 'workspace:///%2e%2e/ws-evil/secret', 'it holds dot segments'],
  ['a half encoded parent', 'workspace:///.%2E/ws-evil/secret', 'it holds dot segments'],
  ['a dot', 'workspace:///./a', 'it holds dot segments'],
  ['an encoded slash', 'workspace:///..%2fws-evil%2fsecret', 'it holds an encoded slash'],
  ['an absolute path', 'workspace:////etc/passwd', 'its path is absolute'],
  ['an encoded absolute path', 'workspace:///%2Fetc/passwd', 'it holds an encoded slash'],
  ['a backslash', 'workspace:///..\\ws-evil\\secret', 'it holds a backslash'],
  ['NUL', 'workspace:///a\0.txt', 'it holds a NUL byte'],
  ['encoded NUL', 'workspace:///a%00.txt', 'it holds a NUL byte'],
  ['a query', 'workspace:///a.txt?x=1', 'it holds ? or #'],
  ['a fragment', 'workspace:///a.txt#x', 'it holds ? or #'],
  ['a scheme in capitals', 'WorkSpace:///a.txt', 'it does not begin with workspace:///'],
  ['a host', 'workspace://host/a.txt', 'it does not begin with workspace:///'],
  ['a user', 'workspace://me@/a.txt', 'it does not begin with workspace:///'],
  ['no slashes', 'workspace:a.txt', 'it does not begin with workspace:///'],
  ['one slash', 'workspace:/etc/passwd', 'it does not begin with workspace:///'],
  ['nothing', 'workspace:///', 'it names no file'],
  ['a doubled slash', 'workspace:///a//b', 'it names no file'],
  ['a slash at the end', 'workspace:///a/', 'it ends with a slash'],
  ['broken encoding', 'workspace:///100%', 'its percent-encoding is broken'],
  ['overlong UTF-8', 'workspace:///%c0%ae%c0%ae/x', 'its percent-encoding is broken'],
  ['bytes that are not UTF-8', 'workspace:///%ff', 'its percent-encoding is broken'],
  ['half a surrogate pair', 'workspace:///\ud800', 'it is not well-formed Unicode'],
]

/** Millions of characters, of the kinds that slow parsers down. */
export const longUris = (): Record<string, string> => ({
  'one name': `workspace:///${'a'.repeat(4e6)}`,
  parents: `workspace:///${'../'.repeat(1e6)}`,
  slashes: `workspace:///${'a/'.repeat(2e6)}b`,
  escapes: `workspace:///${'%2e'.repeat(1e6)}`,
  braces: `workspace:///${'{'.repeat(2e6)}${'}'.repeat(2e6)}`,
})
