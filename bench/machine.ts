/** The machine a run was taken on, so that its numbers can be judged. */
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { execa } from 'execa'
import { dockerVersion } from './parts/docker-exec.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGB: number
  readonly system: string
  readonly kernel: string
  readonly node: string
  /** What stands on the machine beside; absent where it does not. */
  readonly programs: Readonly<Record<string, string>>
  /** Where the files of the run are. */
  readonly scratch: string
  /** Of the last minute, as the run began. */
  readonly load: number
}

export async function describeMachine(load: number): Promise<Machine> {
  const version = async (command: string, args: readonly string[], pattern: RegExp) => {
    const { stdout, stderr } = await execa(command, args, { reject: false })
    return pattern.exec(`${stdout}${stderr}`)?.[1]
  }
  const found = {
    dockerd: await dockerVersion(),
    docker: await version('docker', ['--version'], /version ([^\s,]+)/),
    OpenSSH: await version('ssh', ['-V'], /OpenSSH_([^\s,]+)/),
    rsync: await version('rsync', ['--version'], /version (\S+)/),
    bubblewrap: await version('bwrap', ['--version'], /(\d\S+)/),
  }
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGB: Math.round(totalmem() / 1024 ** 3),
    system: systemName(),
    kernel: release(),
    node: process.versions.node,
    programs: Object.fromEntries(
      Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    scratch: process.env.SANDBOX_MCP_BENCH_SCRATCH ?? 'on disk',
    load,
  }
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux'
  } catch {
    return process.platform
  }
}

/** One line for the head of a table. */
export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGB, system, kernel, node, programs, scratch, load } = machine
  const versions = Object.entries({ Node: node, ...programs }).map((pair) => pair.join(' '))
  return [
    `${cpu}, ${cores} cores, ${memoryGB} GB; ${system}, kernel ${kernel}`,
    versions.join(', '),
    `files ${scratch}; load ${load.toFixed(2)} at the start`,
  ].join('; ')
}
