// Bundles the server into dist/: one entry, and a chunk for each part that is loaded only when it
// is needed (an engine, say), so that a client's first answer does not wait for any of them.
import { chmod, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * What libraries bring along and this server never uses, by the path it is imported from, with what
 * stands in its place: each costs time at every start.
 */
const leftOut = [
  // dockerode builds images with BuildKit through gRPC.
  [/[\\/]node_modules[\\/]@grpc[\\/]/, ''],
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
  setup(options) {
    options.onLoad({ filter: /node_modules/ }, ({ path }) => {
      const [, contents] = leftOut.find(([pattern]) => pattern.test(path)) ?? []
      return contents === undefined ? undefined : { contents }
    })
  },
}

/** What bundled CommonJS expects to find. */
const commonJs = [
  "import{createRequire as __createRequire}from'node:module'",
  "import{fileURLToPath as __fileURLToPath}from'node:url'",
  'const require=__createRequire(import.meta.url)',
  "const __dirname=__fileURLToPath(new URL('.',import.meta.url))",
].join(';')

await rm(`${root}dist`, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.11',
  minify: true,
  keepNames: true,
  chunkNames: 'chunks/[name]-[hash]',
  plugins: [withoutUnused],
  // Its other form loads its parts in a way that cannot be bundled.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  // Optional native parts of ssh2, which dockerode loads for ssh:// engines; both have fallbacks.
  external: ['cpu-features', '*.node'],
  banner: { js: `${commonJs};` },
  logLevel: 'warning',
})
await chmod(`${root}dist/main.js`, 0o755)
