// Bundles the server into dist/: one entry, and a chunk for each part that is loaded only when it
// is needed (an engine, say), so that a client's first answer does not wait for any of them.
import { chmod, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** dockerode loads gRPC for building images with BuildKit, which this server never does. */
const withoutBuildkit = {
  name: 'without-buildkit',
  setup(options) {
    options.onResolve({ filter: /^@grpc\// }, ({ path }) => ({ path, namespace: 'left-out' }))
    options.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: '' }))
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
  plugins: [withoutBuildkit],
  // Optional native parts of ssh2, which dockerode loads for ssh:// engines; both have fallbacks.
  external: ['cpu-features', '*.node'],
  banner: { js: `${commonJs};` },
  logLevel: 'warning',
})
await chmod(`${root}dist/main.js`, 0o755)
