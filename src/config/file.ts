/** A configuration file's text, checked: everything that is wrong with it at once. */
import { configInvalid, shown } from '../errors.ts'
import { checkConfig, holdsOurs } from './check.ts'
import { agentsTwice, type Written } from './document.ts'
import type { FoundFile } from './find-file.ts'
import { parseJson5 } from './json5.ts'
import { type Problem, pathText, problemText } from './problem.ts'

/** All there is to tell about a file. */
export interface FileReport {
  /** Undefined when what there is has not the right shape. */
  readonly written: Written | undefined
  readonly problems: readonly Problem[]
  /** What has no effect, and why. */
  readonly warnings: readonly Problem[]
}

/** Never throws for what is in the file. */
export function checkFile({ path, text }: FoundFile, env: NodeJS.ProcessEnv): FileReport {
  const parsed = parseJson5(text)
  if ('what' in parsed) return { written: undefined, problems: [parsed], warnings: [] }
  const { config, problems, warnings } = checkConfig(parsed.value, env)
  const twice = agentsTwice(config ?? {}).map(({ id, path }) => ({
    what: `there is more than one agent ${shown(id)}`,
    path,
  }))
  const repeated = parsed.repeated.filter(holdsOurs).map((path) => ({
    what: `${path.at(-1)} is there twice; this one, the later, counts`,
    path,
  }))
  const withLine = (problem: Problem): Problem => ({
    ...problem,
    line: parsed.lineOf(problem.path),
  })
  return {
    written: config && {
      config,
      source: (at) => {
        const line = parsed.lineOf(at)
        const place = `${pathText(at)}${line === undefined ? '' : ` (line ${line})`}`
        return { kind: 'file', name: path, place }
      },
    },
    problems: inOrder([...problems, ...twice].map(withLine)),
    warnings: inOrder([...warnings, ...repeated].map(withLine)),
  }
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

/** `CONFIG_INVALID` with all the problems there are. */
export function refuse(path: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  throw configInvalid(
    [`${count} in ${path}:`, ...problems.map((problem) => problemText(problem))].join('\n'),
    'Correct the file; "sandbox-mcp config check FILE" tells when nothing is left.',
  )
}
