/** Which configuration file is read, and its text. */
import { join, resolve } from 'node:path'
import { configInvalid, shown } from '../errors.ts'

/**
 * The text of a file; undefined when there is none. Throws what keeps it from being read. With `roots`, one that
 * another names: it must be in one of them, after all links.
 */
export type ReadFile = (path: string, roots?: readonly string[]) => string | undefined

/** The file that counts. */
export interface FoundFile {
  /** Absolute. */
  readonly path: string
  readonly text: string
}

/** Where a person's own settings are. */
function usualFile(env: NodeJS.ProcessEnv, home: string): string {
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'sandbox-mcp', 'config.json5')
}

/** Undefined where there is no file and none was asked for. */
export function findFile(
  asked: string | undefined,
  env: NodeJS.ProcessEnv,
  home: string,
  readFile: ReadFile,
): FoundFile | undefined {
  const path = asked === undefined ? usualFile(env, home) : resolve(asked.replace(/^~(?=\/)/, home))
  let text: string | undefined
  try {
    text = readFile(path)
  } catch (error) {
    throw configInvalid(
      `the settings in ${shown(path)} cannot be read: ${(error as Error).message}`,
      asked === undefined
        ? 'Make it readable, or remove it.'
        : 'Give --config the path of a file that can be read.',
    )
  }
  if (text === undefined && asked !== undefined) {
    throw configInvalid(
      `there is no file ${shown(path)} (--config)`,
      'Give --config the path of a JSON5 file; docs/configuration.md shows one.',
    )
  }
  return text === undefined ? undefined : { path, text }
}
