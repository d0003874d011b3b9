/** The built command, run as a person runs it. */
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { entry, newWorld, type World } from '../support/stdio-server.ts'

export interface Command {
  readonly world: World
  /** Where a person's own settings go. */
  readonly config: string
  /** In the workspace, unless `cwd` says where. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>, cwd?: string): Promise<Ended>
}

interface Ended {
  readonly stdout: string
  readonly stderr: string
  /** Undefined where a signal ended it. */
  readonly exitCode?: number | undefined
}

/** In a world of its own, with nobody to ask. */
export function newCommand(): Command {
  const world = newWorld()
  return {
    world,
    config: join(world.env.HOME ?? '', '.config', 'sandbox-mcp', 'config.json5'),
    run: (args, env = {}, cwd = world.workspace) =>
      execa(process.execPath, [entry, ...args], {
        reject: false,
        stdin: 'ignore',
        cwd,
        env: { ...world.env, ...env },
        extendEnv: false,
      }),
  }
}

/** util-linux has it: it runs a command on a terminal of its own. */
export const hasTerminals = existsSync('/usr/bin/script')

/** What is on the terminal at the end. Nothing is typed before `prompt` is there. */
export async function onTerminal(
  { world }: Command,
  args: readonly string[],
  prompt: string,
  typed: string,
): Promise<{ readonly screen: string; readonly exitCode?: number | undefined }> {
  const words = [process.execPath, entry, ...args].map((word) => `'${word}'`).join(' ')
  const running = execa('/usr/bin/script', ['-qec', words, '/dev/null'], {
    reject: false,
    env: { ...world.env, TERM: 'xterm' },
    extendEnv: false,
  })
  let screen = ''
  running.stdout.on('data', (chunk: Buffer) => {
    const before = screen.includes(prompt)
    screen += chunk
    if (!before && screen.includes(prompt)) running.stdin.write(`${typed}\n`)
  })
  const { exitCode } = await running
  return { screen, ...(exitCode === undefined ? {} : { exitCode }) }
}

/** Docker is set up, and nothing answers. */
export const noDocker = { DOCKER_HOST: 'unix:///nowhere/docker.sock' }

/** Said where the machine has no Docker, and nothing is said of it where it has. */
const withoutDocker = /^\P{L}*docker: no Docker engine is running: .*\n?/gmu

/** The same in each run and with or without Docker: names, times, numbers, and the directories of the world; columns as `|`. */
export function steady(text: string, { world }: Pick<Command, 'world'>): string {
  const root = world.workspace.replace(/\/workspace$/, '')
  return text
    .replaceAll(withoutDocker, '')
    .replaceAll(realpathSync(entry), '/clone/dist/main.js')
    .replaceAll(world.workspace, '/project')
    .replaceAll(root, '/world')
    .replaceAll(/\u2026\S*\/workspace(?= )/g, '/project')
    .replaceAll(/sbx-[a-z2-7]{15}/g, 'sbx-name')
    .replaceAll(/(?<=workspace:)[0-9a-f]{32}/g, 'digest')
    .replaceAll(/\d+:\d+(?=, the owner)/g, 'UID:GID')
    .replaceAll(/ {2,}/g, ' | ')
    .replaceAll(/\b\d+[smhd](?=$| \|| ago)/gm, 'TIME')
}
