/** Output of a command as text: what a terminal would not show goes, and nothing else. */
import { expect, test } from 'vitest'
import { terminalText } from '../../src/tools/exec/terminal-text.ts'

test.each([
  ['a title', '\u001b]0;title\u0007a\n', 'a\n', 1],
  ['a title that ends with the output', 'a\n\u001b]0;title', 'a\n', 1],
  ['a title that nothing ends', '\u001b]0;title\na\nb\n', '0;title\na\nb\n', 1],
  ['a title that nothing ends, and a bell', '\u001b]0;title\na\n\u0007b', '0;title\na\n\u2407b', 1],
  ['an image of several lines', '\u001bPq#0\n#1\u001b\\a\n', 'a\n', 1],
  ['an image that nothing ends', '\u001bPq#0\na\nb\n', 'q#0\na\nb\n', 1],
  ['noise that looks like an image, and a bell', '\u001bPx\na\u0007\n', 'x\na\u2407\n', 1],
])('%s takes no line of the output with it', (_, printed, text, escapes) => {
  expect(terminalText(Buffer.from(printed))).toMatchObject({ text, escapes })
})
