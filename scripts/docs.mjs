// `npm run docs`: writes docs/configuration.md from the schema and the tables of variables, so that it
// says what the code does. With `--check` it only tells whether the page is as it would be written.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { configurationPage } from './docs/configuration.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = join(root, 'docs/configuration.md')

/** What is documented, from the TypeScript it stands in. */
async function subject() {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-docs-'))
  try {
    const outfile = join(folder, 'subject.mjs')
    await build({
      absWorkingDir: root,
      stdin: {
        contents: [
          "export { configFile } from './src/config/schema/file.ts'",
          "export * from './src/config/schema/words.ts'",
          "export { defaults, flat } from './src/config/values.ts'",
          "export { variables } from './src/config/openhands/variables.ts'",
          "export { ignoredVariables } from './src/config/openhands/ignored.ts'",
        ].join('\n'),
        resolveDir: root,
      },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'warning',
    })
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const text = configurationPage(await subject())
if (process.argv.includes('--check')) {
  if (readFileSync(page, 'utf8') !== text) {
    process.stderr.write('docs/configuration.md is not current: run "npm run docs"\n')
    process.exitCode = 1
  }
} else {
  writeFileSync(page, text)
}
