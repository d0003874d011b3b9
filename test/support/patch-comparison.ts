/** Which deviations account for the difference between our result and the reference's. */
import { isDeepStrictEqual } from 'node:util'
import { type Applied, applyBoth, applyTheirs } from './apply-patch-both.ts'
import type { PatchCase } from './patch-cases.ts'
import { type Deviation, deviations } from './patch-deviations.ts'

export interface Comparison {
  readonly ours: Applied
  readonly theirs: Applied
  /** None when there is no difference; nothing when the deviations do not account for it. */
  readonly names: readonly string[] | undefined
}

/** Applies the patch both ways, and the reference once more for each way to rephrase it. */
export async function compare(asked: PatchCase): Promise<Comparison> {
  const { ours, theirs } = await applyBoth(asked)
  // Both read CRLF in a patch as LF, so that rephrasing need not know of it.
  const plain = { ...asked, patch: asked.patch.replaceAll('\r\n', '\n') }
  return { ours, theirs, names: await account(plain, ours, theirs) }
}

async function account(asked: PatchCase, ours: Applied, theirs: Applied) {
  if (ours.refusal !== undefined) {
    if (!isDeepStrictEqual(ours.files, asked.files)) return undefined
    if (theirs.refusal !== undefined) {
      return isDeepStrictEqual(theirs.files, asked.files) ? [] : [deviations[0]?.name ?? '']
    }
    const { refusal } = ours
    const refusing = deviations.filter(({ refuses }) => refuses?.(refusal, asked.patch))
    return refusing.length > 0 ? refusing.map(({ name }) => name) : undefined
  }
  const possible = rephrasing(asked)
  const allWith = (one?: Deviation) =>
    possible.filter((deviation) => deviation.alone !== true || deviation === one)
  const choices = [
    [],
    ...possible.map((one) => [one]),
    allWith(),
    ...possible.filter(({ alone }) => alone === true).map(allWith),
  ]
  for (const chosen of choices) {
    const answer = chosen.length === 0 ? theirs : await rephrased(asked, chosen)
    if (answer.refusal !== undefined) continue
    const levels = leveling(asked, ours.files, answer.files)
    if (levels !== undefined) {
      return [...new Set([...chosen.map(({ name }) => name), ...levels])]
    }
  }
  return undefined
}

/** Those that change the case, each after the ones before it. */
function rephrasing(asked: PatchCase): Deviation[] {
  let so = asked
  return deviations.filter(({ rephrase, alone }) => {
    const before = so
    const said = rephrase?.(before) ?? before
    if (alone !== true) so = said
    return !isDeepStrictEqual(said, before)
  })
}

async function rephrased(asked: PatchCase, chosen: readonly Deviation[]): Promise<Applied> {
  const said = chosen.reduce((so, { rephrase }) => rephrase?.(so) ?? so, asked)
  const { refusal, files } = await applyTheirs(said)
  const restored = Object.entries(files).map(([path, bytes]) => [
    path,
    chosen.reduce((so, { restore }) => restore?.(so) ?? so, bytes),
  ])
  return { refusal, files: Object.fromEntries(restored) }
}

/** The fewest levels that make both equal: none, one, or all that there are. */
function leveling(asked: PatchCase, ours: Applied['files'], theirs: Applied['files']) {
  const all = deviations.filter(({ level }) => level !== undefined)
  for (const chosen of [[], ...all.map((deviation) => [deviation]), all]) {
    const [mine, reference] = [ours, theirs].map((files) => leveled(asked, files, chosen))
    if (isDeepStrictEqual(mine, reference)) return chosen.map(({ name }) => name)
  }
  return undefined
}

function leveled(asked: PatchCase, files: Applied['files'], chosen: readonly Deviation[]) {
  const entries = Object.entries(files).map(([path, bytes]) => {
    const before = asked.files[path] ?? asked.files[`${path}*`] ?? movedFrom(asked, path)
    return chosen.reduce<readonly [string, string]>(
      ([at, so], { level }) => level?.(at, so, before) ?? [at, so],
      [path, bytes],
    )
  })
  return Object.fromEntries(entries)
}

function movedFrom({ files, patch }: PatchCase, path: string): string | undefined {
  const plain = path.replace(/\*$/, '')
  const [, from] =
    [...patch.matchAll(/^\*\*\* Update File: (.*?) *\n\*\*\* Move to: (.*?) *$/gm)].find(
      ([, , to]) => to === plain,
    ) ?? []
  return from === undefined ? undefined : (files[from] ?? files[`${from}*`])
}
