/** What a sandbox may use of the machine, in the Engine API's words. Pure. */
import type { ContainerOptions } from './engine.ts'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'

type HostConfig = NonNullable<ContainerOptions['HostConfig']>

/** Where a key is undefined. */
const defaultPids = 1024
const defaultMemoryBytes = 4 * 1024 ** 3
/** What the engine itself asks for at least. */
const leastMemoryBytes = 6 * 1024 ** 2

/** `CONFIG_INVALID` for values that no engine takes. */
export function limits(settings: DockerSettings): HostConfig {
  const memory = memoryBytes(settings)
  const { cpus } = settings
  if (cpus !== undefined && !(cpus === 0 || (cpus >= 0.01 && cpus <= 4096))) {
    throw refusal(
      'cpus',
      cpus,
      'is not a number of processors',
      'Write 1.5, say; leave it out for no limit.',
    )
  }
  return {
    PidsLimit: pids(settings),
    Memory: memory,
    MemorySwap: swapBytes(settings, memory),
    ...(cpus ? { NanoCpus: Math.round(cpus * 1e9) } : {}),
    ...(Object.keys(settings.ulimits).length > 0 ? { Ulimits: ulimits(settings) } : {}),
    ...(settings.gpus === undefined ? {} : { DeviceRequests: [gpus(settings.gpus)] }),
  }
}

function pids({ pidsLimit = defaultPids }: DockerSettings): number {
  if (!Number.isSafeInteger(pidsLimit)) {
    throw refusal('pidsLimit', pidsLimit, 'is not a whole number', 'Write 256, say; 0 is no limit.')
  }
  return pidsLimit > 0 ? pidsLimit : -1
}

/** 0: no limit. */
function memoryBytes({ memory = defaultMemoryBytes }: DockerSettings): number {
  const bytes = parseBytes('memory', memory)
  if (bytes !== 0 && bytes < leastMemoryBytes) {
    throw refusal('memory', memory, 'is less than 6 MiB', 'Give it more, "2g" say; 0 is no limit.')
  }
  return bytes
}

/** Memory and swap together, as Docker counts it. */
function swapBytes({ memorySwap = 0 }: DockerSettings, memory: number): number {
  const value = memorySwap === '-1' ? -1 : memorySwap
  if (value === -1) return -1
  const bytes = parseBytes('memorySwap', value)
  // Docker takes 0 for "not set"; not set is no swap on top of the memory.
  if (bytes === 0) return memory
  if (memory === 0) {
    throw refusal('memorySwap', value, 'needs a limit of the memory too', 'Set docker.memory.')
  }
  if (bytes < memory) {
    throw refusal(
      'memorySwap',
      value,
      `is less than the memory, ${memory} bytes`,
      'It counts memory and swap together: give it at least docker.memory, or -1 for any swap.',
    )
  }
  return bytes
}

const units: Record<string, number> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

function parseBytes(key: 'memory' | 'memorySwap', value: string | number): number {
  const [, digits, unit = 'b'] =
    /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?b?|b)?$/i.exec(String(value).trim()) ?? []
  const exact = Number(digits) * 1024 ** (units[unit.toLowerCase()] ?? 0)
  // As Docker reads it; but a part of a byte is too little, not the 0 that means no limit.
  const bytes = Math.floor(exact) || Math.ceil(exact)
  if (digits !== undefined && Number.isSafeInteger(bytes)) return bytes
  throw refusal(key, value, 'is not an amount of memory', 'Write bytes, or "512m", "2g".')
}

const ulimitNames =
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  )

function ulimits({ ulimits: wanted }: DockerSettings) {
  return Object.entries(wanted).map(([name, value]) => {
    const refuse = (problem: string, fix: string) =>
      refusal('ulimits', { [name]: value }, problem, fix, name)
    if (!ulimitNames.includes(name)) {
      throw refuse('names no limit of the kernel', `There are ${ulimitNames.join(', ')}.`)
    }
    const { soft, hard } = typeof value === 'object' ? value : softAndHard(String(value))
    const isLimit = (limit: number) => Number.isSafeInteger(limit) && limit >= -1
    if (!isLimit(soft) || !isLimit(hard)) {
      throw refuse('is no limit', 'Write a number, "soft:hard", or { soft, hard }; -1 is none.')
    }
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      throw refuse(
        'has a soft limit above the hard one',
        'Raise the hard limit, or lower the soft.',
      )
    }
    return { Name: name, Soft: soft, Hard: hard }
  })
}

function softAndHard(text: string) {
  const [, soft, hard = soft] = /^(-?\d+)(?::(-?\d+))?$/.exec(text.trim()) ?? []
  return { soft: Number(soft), hard: Number(hard) }
}

function gpus(value: string) {
  // Quotes as Docker's own command line wants them around a list.
  const text = value.trim().replace(/^"(.*)"$/, '$1')
  const request = { Driver: '', Capabilities: [['gpu']] }
  if (text === 'all') return { ...request, Count: -1 }
  if (/^[1-9]\d{0,3}$/.test(text)) return { ...request, Count: Number(text) }
  const ids = /^device=([\w:.-]+(?:,[\w:.-]+)*)$/.exec(text)?.[1]
  if (ids !== undefined) return { ...request, DeviceIDs: ids.split(',') }
  throw refusal('gpus', value, 'is no choice of GPUs', 'Write "all", a count, or "device=0,1".')
}
