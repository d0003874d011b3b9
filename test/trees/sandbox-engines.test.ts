/** `SandboxTree` where it is meant to work: in sandboxes of every backend and image. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BubblewrapBackend } from '../../src/backends/bubblewrap.ts'
import { DockerBackend } from '../../src/backends/docker.ts'
import type { Backend, Sandbox } from '../../src/sandbox.ts'
import { runScript } from '../../src/scripts/script.ts'
import { treePath } from '../../src/tree.ts'
import { SandboxTree, type ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { workspaceMount } from '../../src/workspace.ts'
import { increment } from '../contract/increment.ts'
import { describeTree } from '../contract/tree.ts'
import { describeWhere, images, type Part } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'

const never = new AbortController().signal

const engines: Record<string, { part: Part; backend: () => Backend }> = {
  bubblewrap: {
    part: 'bubblewrap',
    backend: () => new BubblewrapBackend({ network: 'none', extraReadOnly: [] }),
  },
  'docker, debian image': {
    part: 'docker',
    backend: () => new DockerBackend({ image: images.debian }),
  },
  'docker, busybox image': {
    part: 'docker',
    backend: () => new DockerBackend({ image: images.busybox }),
  },
}

for (const [engine, { part, backend: make }] of Object.entries(engines)) {
  describeWhere(part, engine, () => {
    const backend = make()
    const name = `sbx-tree${engine
      .replace(/[^a-z]/g, '')
      .padEnd(11, 'x')
      .slice(-11)}`
    let host: string
    let sandbox: Sandbox
    let made = 0

    beforeAll(async () => {
      host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-tree-')))
      const spec = {
        name,
        installation: 'tree',
        scopeKey: 'tree',
        agent: 'main',
        mounts: [workspaceMount(host, true)] as const,
        owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      }
      sandbox = await backend.open(spec, { signal: never, report: () => {} })
    })
    afterAll(async () => {
      await backend.remove(name, never)
      await sandbox?.close()
      rmSync(host, { recursive: true, force: true })
    })

    const run: ScriptRunner = (script, stdin, signal, functions = '') =>
      runScript(sandbox, functions + script, stdin, signal ?? never)

    const open = async () => {
      const root = `/tmp/tree-${made++}`
      const sh = async (script: string) => {
        const { code, stdout, stderr } = await run(`cd ${root} && { ${script}\n}`)
        if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`)
        return stdout.toString()
      }
      await run(`mkdir ${root}`)
      return {
        tree: new SandboxTree(run, { root }),
        sh,
        updates: 10,
        incrementElsewhere: (file: string, times: number) =>
          increment(new SandboxTree(run, { root }), file, times),
        close: async () => void (await run(`chmod -R u+rwx ${root}; rm -rf ${root}`)),
      }
    }
    test('why nothing can be written outside is told as it is', async () => {
      const tree = new SandboxTree(run, { root: '/' })
      const told = (path: string) =>
        tree.replace(treePath(path), Buffer.from('x')).catch(({ message }: Error) => message)
      expect(await told('usr/new')).toContain('read-only')
      expect(await told('proc/new')).not.toContain('space')
    })

    // Twenty that race make some four hundred round trips.
    describeTree(`SandboxTree in ${engine}`, open, { timeoutMs: 180_000 })
  })
}

describeWhere('docker', 'a /tmp that is full, where writers take turns', () => {
  for (const [name, image] of Object.entries(images)) {
    test(`is told as what it is, at once (${name} image)`, async () => {
      const world = new DockerWorld()
      try {
        const sandbox = await world.open({ image, tmpfs: ['/tmp:size=16k'] })
        const run: ScriptRunner = (script, stdin, signal, functions = '') =>
          runScript(sandbox, functions + script, stdin, signal ?? never)
        await run('dd if=/dev/zero of=/tmp/full bs=1024 count=99')
        const tree = new SandboxTree(run, { root: '/workspace' })
        const write = () => tree.replace(treePath('new'), Buffer.from('x'))
        const told = {
          code: 'FILE_DENIED',
          message: expect.stringContaining('space is left in /tmp'),
        }
        await expect(write()).rejects.toMatchObject(told)
        expect(await world.run(sandbox, 'ls -A /tmp /workspace')).toBe(
          '/tmp:\nfull\n\n/workspace:\n',
        )
        await run('rm /tmp/full')
        await write()
        expect(await world.run(sandbox, 'cat /workspace/new')).toBe('x')
      } finally {
        await world.close()
      }
    })
  }
})
