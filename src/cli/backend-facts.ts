/** What a backend's settings come to, as far as it can be told without asking it. */
import type { SandboxError } from '../errors.ts'
import { isSandboxError } from '../errors.ts'
import { backendOf } from '../sessions/mode.ts'
import type { SandboxPlan } from '../sessions/plan-sandbox.ts'
import type { Settings } from '../settings.ts'

export interface BackendFacts {
  /** As whom commands run. */
  readonly user: string
  /** Of the whole sandbox. */
  readonly limits: string
}

/** Also of settings that cannot be used, as far as they tell. */
export async function backendFacts(
  settings: Settings,
  plan: SandboxPlan | undefined,
): Promise<BackendFacts> {
  const owner = plan?.spec.owner
  const numbers = owner === undefined ? '' : `${owner.uid}:${owner.gid}, `
  const ownerText = `${numbers}the owner of the workspace`
  switch (backendOf(settings)) {
    case 'auto':
    case 'docker':
      return dockerFacts(settings, ownerText)
    case 'bubblewrap':
      return {
        user: process.getuid?.() === 0 ? ownerText : 'yours',
        limits: 'memory and processors are not limited',
      }
    case 'openshell':
      return { user: 'as its image has it', limits: 'as its policy has it' }
    case 'ssh':
      return {
        user: 'the account there, and commands can do all that it can',
        limits: 'those of the account',
      }
    case 'host':
      return { user: 'you', limits: 'none' }
  }
}

async function dockerFacts(
  { docker, backend }: Settings,
  ownerText: string,
): Promise<BackendFacts> {
  const { limits } = await import('../backends/docker/limits.ts')
  const given = attempt(() => limits(docker), [])
  return {
    user: docker.user ?? ownerText,
    limits: given === undefined ? 'cannot be told' : limitsText(given, backend === 'auto'),
  }
}

function limitsText(
  {
    Memory = 0,
    PidsLimit,
    NanoCpus,
  }: ReturnType<typeof import('../backends/docker/limits.ts').limits>,
  isAuto: boolean,
): string {
  const parts = [
    Memory > 0 ? `${sizeText(Memory)} of memory` : 'memory is not limited',
    (PidsLimit ?? 0) > 0 ? `${PidsLimit} processes` : 'processes are not limited',
    ...(NanoCpus === undefined ? [] : [`${NanoCpus / 1e9} processors`]),
  ]
  return `${parts.join(', ')}${isAuto ? ' (on Docker only)' : ''}`
}

function sizeText(bytes: number): string {
  const gibibyte = 1024 ** 3
  return bytes % gibibyte === 0 ? `${bytes / gibibyte} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`
}

/** What `work` returns; undefined when it fails with an error that a person can correct. */
export function attempt<T>(work: () => T, problems: SandboxError[]): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!isSandboxError(error)) throw error
    problems.push(error)
    return undefined
  }
}
