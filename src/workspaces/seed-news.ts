/** What a client is told about the filling of a workspace. */
import { shown } from '../errors.ts'
import type { Mount } from '../sandbox.ts'
import type { Seeded } from '../sync/seed/seed.ts'

/** More are counted. */
const namedProblems = 5

/**
 * Sentences about one directory; none when it is as it was left. `before` is the seed that it held
 * earlier in this session.
 */
export function seedNews(
  { sandbox: name }: Mount,
  { generation, wasRemoved, sent, problems, aside }: Seeded,
  before: string | undefined,
): readonly string[] {
  const news: string[] = []
  if (wasRemoved || (before !== undefined && before !== generation)) {
    news.push(
      `${name} was gone${wasRemoved ? '' : ' with its sandbox'} and has been filled from the host anew: what had been changed in it since it was first filled is lost`,
    )
  } else if (sent !== undefined) {
    const mib = (sent.bytes / 1024 / 1024).toFixed(1)
    news.push(`${name} was filled from the host now: ${sent.files} files, ${mib} MiB`)
  }
  if (aside !== undefined) news.push(asideNews(name, aside))
  if (problems.length > 0) {
    const named = problems.slice(0, namedProblems)
    const more = problems.length - named.length
    news.push(
      `not copied to ${name}: ${named.map(({ path, reason }) => `${shown(path)} (${reason})`).join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    )
  }
  return news
}

/** Of a directory that was filled although it held something: `aside` is where that is now. */
export function asideNews(name: string, aside: string): string {
  return `${name} held files that were not marked as coming from the host, in the places of files that do: they are kept in the sandbox, in ${shown(aside)}`
}
