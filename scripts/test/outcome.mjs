// The last lines of `npm test`: what could not be tested and why, and the numbers on a line of
// their own, which CI counts by.
import { readFileSync } from 'node:fs'

/** Reads vitest's JSON report; `{ lines, code }` is what to print and how to exit. */
export function closingLines({ results, code, missing, required }) {
  const lines = []
  const counts = count(results)
  // Vitest can fail without a failed test: a broken setup, an error that nobody awaited.
  if (code !== 0 && counts.failed === 0) {
    lines.push(`vitest ended with code ${code}; see above`)
    counts.failed += 1
  }
  for (const [part, why] of Object.entries(missing)) {
    const fatal = required.includes(part)
    lines.push(`${part}: ${fatal ? 'required, and missing' : 'not tested'}: ${why}`)
    if (fatal) counts.failed += 1
  }
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  lines.push(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
  return { lines, code: code === 0 && counts.failed > 0 ? 1 : code }
}

function count(results) {
  let report
  try {
    report = JSON.parse(readFileSync(results, 'utf8'))
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
  // A file that could not be loaded has failed, though it has no tests to count.
  const broken = report.testResults.filter(
    (file) =>
      file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  }
}
