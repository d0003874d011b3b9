import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseWorkspaceUri, workspaceUri } from '../../src/resources/workspace-uri.ts'
import { treePath } from '../../src/tree.ts'
import { hostileUris, longUris } from './hostile-uris.ts'

const segment = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.constantFrom(
    '%2e%2e',
    '%2f',
    '...',
    ' ',
    '?',
    '#',
    '\\',
    '..\\..',
    '%',
    '\n',
    'workspace:',
    '~',
  ),
)

describe('a workspace URI', () => {
  test('names any path, and that one only', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
        let path: string
        try {
          path = treePath(segments.join('/'))
        } catch {
          return
        }
        fc.pre(path !== '')
        const uri = workspaceUri(treePath(path))
        expect(parseWorkspaceUri(uri)).toBe(path)
        expect(uri).toMatch(/^workspace:\/\/\/[\x21-\x7e]+$/)
        expect(uri.slice(12)).not.toMatch(/[?#\\]|\/\/|%2f/i)
        expect(new URL(uri).href).toBe(uri)
      }),
      { numRuns: 2_000 },
    )
  })

  test('may leave out what needs no encoding', () => {
    expect(parseWorkspaceUri('workspace:///Zoë/a b.ts')).toBe('Zoë/a b.ts')
    expect(parseWorkspaceUri('workspace:///%61.ts')).toBe('a.ts')
  })

  test('is decoded once', () => {
    expect(parseWorkspaceUri('workspace:///%252e%252e/x%252fy')).toBe('%2e%2e/x%2fy')
  })

  test.each(hostileUris)('%s is refused: %s', (_, uri, reason) => {
    expect(() => parseWorkspaceUri(uri)).toThrow(
      expect.objectContaining({
        code: 'ARGUMENT_INVALID',
        message: expect.stringContaining(`is not a workspace URI: ${reason}`),
      }),
    )
  })

  test.each(Object.entries(longUris()))('a long one of %s is refused at once', (_, uri) => {
    const began = performance.now()
    expect(() => parseWorkspaceUri(uri)).toThrow('it is longer than 65536 characters')
    expect(performance.now() - began).toBeLessThan(500)
  })

  test('is not what has another scheme', () => {
    for (const uri of ['', 'file:///x', 'workspac', 'workspaces:///x', '/x', ' workspace:///x']) {
      expect(parseWorkspaceUri(uri)).toBeUndefined()
    }
  })
})
