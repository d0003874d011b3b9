/** `sandbox-mcp config check FILE` and `sandbox-mcp config schema`. */
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { combine } from '../config/combine.ts'
import { agentIds, layersFor, type Written } from '../config/document.ts'
import { checkFile } from '../config/file.ts'
import { type Problem, problemText } from '../config/problem.ts'
import { configFile } from '../config/schema/file.ts'
import { configInvalid, isSandboxError, shown } from '../errors.ts'
import { readFile } from './read-file.ts'

const usage = 'Write "sandbox-mcp config check FILE" or "sandbox-mcp config schema".'

/** 0, or 2 where the file is not right. */
export async function run(argv: readonly string[]): Promise<number> {
  const [what, file, ...more] = argv
  if (what === 'schema' && file === undefined) {
    process.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`)
    return 0
  }
  if (what === 'check' && file !== undefined && more.length === 0) return check(resolve(file))
  const extra = [what, file, ...more].filter((word) => word !== undefined)
  throw configInvalid(`there is no command ${shown(['config', ...extra].join(' '))}`, usage)
}

/** Of a file as it may be written. */
function jsonSchema() {
  return z.toJSONSchema(configFile, { io: 'input' })
}

function check(path: string): number {
  const text = readFile(path)
  if (text === undefined) {
    throw configInvalid(`there is no file ${shown(path)}`, 'Give the path of a JSON5 file.')
  }
  const { written, problems: own, warnings } = checkFile({ path, text }, process.env)
  const problems = own.length > 0 || written === undefined ? own : conflicts(written)
  const lines = [
    ...problems.map((problem) => problemText(problem)),
    ...warnings.map((warning) => problemText(warning, '!')),
    `${path}: ${counted(problems.length, 'problem')}, ${counted(warnings.length, 'warning')}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return problems.length === 0 ? 0 : 2
}

/** What cannot be together, for the agents there are and for any other. */
function conflicts(written: Written): Problem[] {
  const found = [...agentIds(written), ''].flatMap((agent) => {
    try {
      const { forAll, forAgent } = layersFor(written, agent)
      combine([forAll, forAgent], homedir())
      return []
    } catch (error) {
      if (!isSandboxError(error, 'CONFIG_INVALID')) throw error
      return [error.message]
    }
  })
  return [...new Set(found)].map((what) => ({ what, path: [] }))
}

function counted(count: number, word: string): string {
  return count === 0 ? `no ${word}s` : `${count} ${word}${count === 1 ? '' : 's'}`
}
