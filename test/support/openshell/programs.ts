/** The programs of the double, each in one file that Node 20 can run. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface Programs {
  readonly cli: string
  readonly gateway: string
  readonly supervisor: string
}

/** Bundles them into `folder`. */
export async function bundlePrograms(folder: string): Promise<Programs> {
  mkdirSync(folder, { recursive: true })
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  await build({
    entryPoints: {
      openshell: here('cli/main.ts'),
      gateway: here('gateway/main.ts'),
      supervisor: here('sandbox/supervisor.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // ssh2's optional native parts; it does without.
    external: ['*.node', 'cpu-features'],
    banner: {
      js: "import { createRequire as $require } from 'node:module';const require = $require(import.meta.url);import { fileURLToPath as $path } from 'node:url';const __dirname = $path(new URL('.', import.meta.url));",
    },
    logLevel: 'silent',
  })
  return {
    cli: join(folder, 'openshell.mjs'),
    gateway: join(folder, 'gateway.mjs'),
    supervisor: join(folder, 'supervisor.mjs'),
  }
}
