/**
 * Servers that start at the same moment open one sandbox, installations keep apart, and whatever a server
 * left that was killed while it opened is adopted or removed by the next.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Backend } from '../../src/sandbox.ts'
import { chooseBackend } from '../../src/sessions/choose-backend.ts'
import { installationId, stateDirectory } from '../../src/sessions/state-directory.ts'
import type { Settings } from '../../src/settings.ts'
import { describeWhere, images, type Part } from '../support/available.ts'
import { appears, dockerEvent, isMade, type Reached } from '../support/opening-stages.ts'
import { settingsWith } from '../support/settings.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'
import { newWorld, startServer, textOf, type World } from '../support/stdio-server.ts'

const never = new AbortController().signal
const slow = 240_000

for (const part of ['docker', 'bubblewrap', 'ssh'] as const satisfies Part[]) {
  describeWhere(part, `${part}: opening`, () => {
    let worlds: World[]
    let ssh: SshServer | undefined
    let settings: Settings
    let flags: string[]

    beforeEach(async () => {
      worlds = []
      if (part === 'ssh') ssh = await startSshServer()
      const own = ssh === undefined ? {} : { ssh: ssh.settings }
      settings = settingsWith({ backend: part, image: images.busybox, ...own })
      flags = ['--backend', part, ...(part === 'docker' ? ['--image', images.busybox] : [])]
      for (const [key, value] of Object.entries(own.ssh ?? {})) {
        flags.push('--set', `ssh.${key}=${value}`)
      }
    })
    afterEach(async () => {
      for (const world of worlds) {
        const backend = await chooseBackend(settings, never)
        for (const { name } of await listed(backend, world)) await backend.remove(name, never)
        world.remove()
      }
      await ssh?.close()
      ssh = undefined
    })

    const world = () => {
      const made = newWorld()
      worlds.push(made)
      return made
    }
    const listed = (backend: Backend, { env }: World) =>
      backend.list(installationId(stateDirectory(env)), never)
    const sandboxesOf = async (one: World) => {
      const backend = await chooseBackend(settings, never)
      return (await listed(backend, one)).map(({ name }) => name)
    }

    test(
      'two servers that start at the same moment open one sandbox between them',
      async () => {
        const shared = world()
        const servers = await Promise.all([startServer(shared, flags), startServer(shared, flags)])
        const said = await Promise.all(
          servers.map((server, at) =>
            server.call('exec', { command: `echo ${at} >made-by-${at}` }),
          ),
        )
        expect(said.map(({ isError }) => isError ?? false)).toEqual([false, false])
        const seen = await Promise.all(
          servers.map((server) => server.call('exec', { command: 'cat made-by-*' })),
        )
        for (const one of seen) expect(textOf(one)).toMatch(/^0\n1\n/)
        expect(await sandboxesOf(shared)).toEqual([servers[0].sandbox])
        expect(servers[1].sandbox).toBe(servers[0].sandbox)
        await Promise.all(servers.map((server) => server.close()))
      },
      slow,
    )

    test(
      'two installations never touch each other’s, also on one workspace',
      async () => {
        const one = world()
        const two = { ...world(), workspace: one.workspace }
        const [first, second] = await Promise.all([
          startServer(one, flags),
          startServer(two, flags),
        ])
        await Promise.all([
          first.call('exec', { command: 'true' }),
          second.call('exec', { command: 'true' }),
        ])
        expect(await sandboxesOf(one)).toEqual([first.sandbox])
        expect(await sandboxesOf(two)).toEqual([second.sandbox])
        expect(first.sandbox).not.toBe(second.sandbox)
        const backend = await chooseBackend(settings, never)
        await backend.remove(first.sandbox, never)
        expect(textOf(await second.call('exec', { command: 'echo untouched' }))).toContain(
          'untouched',
        )
        await Promise.all([first.close(), second.close()])
      },
      slow,
    )

    /** What can be seen of an opening from outside, in the order it happens. */
    const stages: Record<typeof part, readonly string[]> = {
      docker: ['lease', 'container create', 'container start', 'container exec_start'],
      bubblewrap: ['lease', 'lock', 'directory', 'etc', 'channels', 'holder', 'info.json'],
      ssh: ['.stage', 'directory', 'seed'],
    }

    test.each(stages[part])(
      'a server that is killed at %j leaves what the next one can use or removes',
      async (stage) => {
        const one = world()
        writeFileSync(join(one.workspace, 'mine'), 'kept\n')
        const doomed = await startServer(one, flags)
        const leases = join(stateDirectory(one.env), 'leases')
        const reached =
          stage === 'lease'
            ? appears(() => existsSync(leases) && readdirSync(leases).length > 0)
            : await reach(part, stage, doomed.sandbox, ssh)
        const call = doomed.call('exec', { command: 'true' }).catch(() => {})
        await reached.seen
        process.kill(doomed.pid, 'SIGKILL')
        reached.stop()
        await call
        const next = await startServer(one, flags)
        const result = await next.call('exec', { command: 'cat mine' })
        expect(textOf(result)).toMatch(/^kept\n/)
        expect(await sandboxesOf(one)).toEqual([next.sandbox])
        await next.close()
        // On an SSH host the beginnings of a creation go with the sandbox.
        const backend = await chooseBackend(settings, never)
        if (part === 'ssh') await backend.remove(next.sandbox, never)
        expect(await remains(part, next.sandbox, ssh)).toEqual([])
      },
      slow,
    )
  })
}

/** Resolves as soon as an opening has got so far. */
async function reach(
  part: Part,
  stage: string,
  name: string,
  ssh: SshServer | undefined,
): Promise<Reached> {
  if (part === 'docker') return dockerEvent(stage, name)
  if (part === 'bubblewrap') {
    const root = '/run/sandbox-mcp'
    const paths: Record<string, string> = {
      lock: join(root, `${name}.lock`),
      directory: join(root, name),
      etc: join(root, name, 'etc'),
      channels: join(root, name, 'channels'),
      holder: join(root, name, 'channels', 'holder'),
      'info.json': join(root, name, 'info.json'),
    }
    return appears(() => existsSync(paths[stage] ?? ''))
  }
  const root = join(ssh?.folder ?? '', 'sandboxes')
  mkdirSync(root, { recursive: true })
  if (stage === '.stage') return isMade(root, (entry) => entry.startsWith('.stage'))
  if (stage === 'directory') return isMade(root, (entry) => entry === name)
  const directory = join(root, name)
  return appears(() => existsSync(directory) && readdirSync(directory).length > 2)
}

/** What belongs to nobody: beside the sandbox, and what has its name. */
async function remains(part: Part, name: string, ssh: SshServer | undefined): Promise<string[]> {
  if (part === 'docker') {
    const all = await new Docker().listContainers({ all: true, filters: { name: [name] } })
    return all.flatMap(({ Names }) => Names).filter((one) => one !== `/${name}`)
  }
  const root = part === 'ssh' ? join(ssh?.folder ?? '', 'sandboxes') : '/run/sandbox-mcp'
  return readdirSync(root).filter(
    (entry) => entry.includes(name) && entry !== name && entry !== `${name}.lock`,
  )
}
