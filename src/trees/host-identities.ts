/** How changes that lead to one file are known, whatever their paths are. */
import { lstatSync } from 'node:fs'
import type { Place } from './host-walk.ts'

/** What no two changes may share: the spelling, where it leads, and the file itself. */
export function identities(path: string, { directory, missing, name, entry }: Place): string[] {
  const place = [directory.path, ...missing, name].join('/')
  const keys = [`spelled ${path}`, `at ${place}`]
  // Two names of one file where case does not count. Two hard links are two files once replaced.
  if (entry?.nlink === 1) {
    const { dev, ino } = lstatSync(directory.at(name), { bigint: true })
    keys.push(`file ${dev}:${ino}`)
  }
  return keys
}
