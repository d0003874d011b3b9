/** Which tools are offered, by OpenClaw's rules: names in any case, groups, and `*` for any letters. */
import type { Settings } from '../settings.ts'
import { nearestWord } from './nearest-word.ts'

const groups: Readonly<Record<string, readonly string[]>> = {
  'group:fs': ['read', 'write', 'edit', 'apply_patch'],
  'group:runtime': ['exec', 'process'],
}

/** By which OpenClaw knows them as well. */
const otherNames: Readonly<Record<string, string>> = { bash: 'exec', 'apply-patch': 'apply_patch' }

/** `deny` wins. An `allow` that is empty or not given allows all; with `write` comes `apply_patch`. */
export function isOffered(tool: string, { allow = [], deny }: Settings['tools']): boolean {
  if (deny.some((pattern) => matches(pattern, tool))) return false
  if (allow.length === 0) return true
  return allow.some(
    (pattern) =>
      matches(pattern, tool) ||
      (tool === 'apply_patch' && pattern.trim().toLowerCase() === 'write'),
  )
}

const ourTools = ['exec', 'process', 'read', 'write', 'edit', 'apply_patch']

/** What is written where a name of ours may be meant, and hits none: the name that is nearest. */
export function misspelt(patterns: readonly string[]): { pattern: string; near: string }[] {
  return patterns.flatMap((pattern) => {
    const name = pattern.trim().toLowerCase()
    // The names of other tools are OpenClaw's.
    if (name.includes('*') || ourTools.some((tool) => matches(pattern, tool))) return []
    const near = nearestWord(name, [...ourTools, ...Object.keys(groups)], 2)
    return near === undefined || openClawsOwn.includes(name) ? [] : [{ pattern, near }]
  })
}

/** Tools of OpenClaw that there are not here, and whose names are near to ours. */
const openClawsOwn = ['ls', 'group:ui', 'group:web']

function matches(pattern: string, tool: string): boolean {
  const name = pattern.trim().toLowerCase()
  const group = Object.hasOwn(groups, name) ? groups[name] : undefined
  if (group !== undefined) return group.includes(tool)
  if (Object.hasOwn(otherNames, name)) return otherNames[name] === tool
  const parts = name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(tool)
}
