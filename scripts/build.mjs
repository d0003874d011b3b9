// Bundles the server into dist/: one file with all that a start needs, and a file for each part that is
// loaded only when it is needed (an engine, say), so that a client's first answer waits for one file.
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { requireNode } from './machine/node-version.mjs'

requireNode('Building')
const { rolldown } = await import('rolldown')

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * What libraries bring along and this server never uses, by the path it is imported from, with what
 * stands in its place: each costs time at every start.
 */
const leftOut = [
  // dockerode builds images with BuildKit through gRPC.
  [/[\\/]node_modules[\\/]@grpc[\\/]/, 'module.exports = {}'],
  // zod's messages in forty languages, which its index imports all.
  [/[\\/]zod[\\/]v4[\\/]locales[\\/](?!en\.|index\.)[^\\/]+$/, 'export default undefined'],
  // The SDK validates what clients answer to elicitations, with Ajv.
  [
    /[\\/]sdk[\\/]dist[\\/]esm[\\/]validation[\\/]ajv-provider\.js$/,
    'export class AjvJsonSchemaValidator { getValidator() { throw new Error("no elicitation") } }',
  ],
]

const withoutUnused = {
  name: 'without-unused',
  load: {
    filter: { id: /node_modules/ },
    handler: (path) => leftOut.find(([pattern]) => pattern.test(path))?.[1],
  },
}

await rm(`${root}dist`, { recursive: true, force: true })
const bundle = await rolldown({
  cwd: root,
  input: 'src/main.ts',
  platform: 'node',
  // Optional native parts of ssh2, which dockerode loads for ssh:// engines; both have fallbacks.
  external: ['cpu-features', /\.node$/],
  resolve: {
    // Its other form loads its parts in a way that cannot be bundled.
    alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  },
  transform: { target: 'node20.11' },
  plugins: [withoutUnused],
  checks: {
    // What judges settings loads parts of backends when they are set; one of them is there already.
    ineffectiveDynamicImport: false,
  },
  onLog(level, log) {
    if (level === 'warn') throw new Error(log.message)
  },
})
const { output } = await bundle.generate({
  // Node loads these with less ado than modules: a path is resolved at once, and no built-in is looked through.
  format: 'cjs',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  minify: true,
  keepNames: true,
})
await bundle.close()
await mkdir(`${root}dist/chunks`, { recursive: true })
for (const { fileName, code } of output) {
  // One letter that is none of ASCII, and Node holds and reads two bytes for each of the file.
  const plain = await transform(code, { charset: 'ascii', minifyWhitespace: true })
  await writeFile(`${root}dist/${fileName}`, plain.code)
}
// The package's own says that the sources are modules.
await writeFile(`${root}dist/package.json`, '{"type":"commonjs"}\n')
await chmod(`${root}dist/main.js`, 0o755)
