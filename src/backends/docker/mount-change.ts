/** What is mounted in another way than when a container was made: disks come and go without any setting. Pure. */
import { shown } from '../../errors.ts'
import type { Mount } from '../../sandbox.ts'
import type { ContainerMount } from './container-facts.ts'

/** As the end of a sentence; undefined where the same places have a mount. Engines have names of their own for sources. */
export function mountChange(
  there: readonly ContainerMount[],
  wanted: readonly Mount[],
): string | undefined {
  const had = there.filter(({ type }) => type === 'bind')
  const came = wanted.filter(({ sandbox }) => !had.some((one) => one.destination === sandbox))
  const went = had.filter(({ destination }) => !wanted.some((one) => one.sandbox === destination))
  const told = [
    ...came.map(({ host, sandbox }) => `${shown(host)} is to be at ${shown(sandbox)} now`),
    ...went.map(({ source, destination }) => `${shown(source)} no longer at ${shown(destination)}`),
  ]
  return told.length === 0 ? undefined : `what is mounted changed: ${told.join(', ')}`
}
