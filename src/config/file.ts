/** A configuration file's text, checked: everything that is wrong with it at once. */
import { configInvalid, shown } from '../errors.ts'
import { checkConfig, holdsOurs, isOurs } from './check.ts'
import { agentsTwice, type Written } from './document.ts'
import type { FoundFile, ReadFile } from './find-file.ts'
import { type Place, readWhole } from './includes.ts'
import { type Path, type Problem, pathText, problemText } from './problem.ts'

/** All there is to tell about a file. */
export interface FileReport {
  /** Undefined when what there is has not the right shape. */
  readonly written: Written | undefined
  readonly problems: readonly Problem[]
  /** What has no effect, and why. */
  readonly warnings: readonly Problem[]
  /** Absolute paths of the files that it includes. */
  readonly included: readonly string[]
}

/** Never throws for what is in the file, or in those that it includes. */
export function checkFile(
  found: FoundFile,
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
): FileReport {
  const whole = readWhole(found, env, readFile, mayHoldOurs)
  if ('what' in whole) {
    return { written: undefined, problems: [whole], warnings: [], included: [] }
  }
  const { config, problems, warnings } = checkConfig(whole.value, env)
  const twice = agentsTwice(config ?? {}).map(({ id, path }) => ({
    what: `there is more than one agent ${shown(id)}`,
    path,
  }))
  const at = ({ file, line }: Place) => ({ line, ...(file !== found.path && { file }) })
  const repeated = whole.repeated
    .filter(({ path }) => holdsOurs(path))
    .map(({ path, ...place }) => ({
      what: `${path.at(-1)} is there twice; this one, the later, counts`,
      path,
      ...at(place),
    }))
  const withPlace = (problem: Problem): Problem => ({
    ...problem,
    ...at(whole.placeOf(problem.path)),
  })
  return {
    written: config && {
      config,
      source: (at) => {
        const { file, line } = whole.placeOf(at)
        const place = `${pathText(at)}${line === undefined ? '' : ` (line ${line})`}`
        return { kind: 'file', name: file, place }
      },
    },
    problems: inOrder([...whole.problems, ...[...problems, ...twice].map(withPlace)]),
    warnings: inOrder([...warnings.map(withPlace), ...repeated]),
    included: whole.included,
  }
}

/** The variables of `env` may stand for what is in our parts. */
const mayHoldOurs = (path: Path) => holdsOurs(path) || isOurs(path) || path[0] === 'env'

/** Those of the file itself first. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map(({ file }) => file ?? ''))].sort()
  return files.flatMap((name) =>
    problems.filter(({ file = '' }) => file === name).sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  )
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
