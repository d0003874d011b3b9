import { expect, test } from 'vitest'
import { connectEngine } from '../../src/backends/docker/connect.ts'
import { DockerBackend } from '../../src/backends/docker.ts'
import { describeBackend } from '../contract/backend.ts'
import { describeWhere, images } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'

const never = new AbortController().signal

describeWhere('docker', 'docker', () => {
  for (const [name, image] of Object.entries(images)) {
    describeBackend(`docker, ${name} image`, async () => ({
      backend: new DockerBackend({ image }),
      other: new DockerBackend({ image }),
      end: async (sandbox) => (await connectEngine(never)).remove(sandbox, never),
    }))
  }

  describeBackend(
    "docker, a workspace of another owner's",
    async () => ({
      backend: new DockerBackend({ image: images.debian }),
      other: new DockerBackend({ image: images.debian }),
      end: async (sandbox) => (await connectEngine(never)).remove(sandbox, never),
    }),
    process.getuid?.() === 0 ? { owner: { uid: 4321, gid: 4321 } } : {},
  )

  test('nothing starts in a container that has ended or was removed: it is lost, with what became of it', async () => {
    const world = new DockerWorld()
    const sandbox = await world.open()
    const container = world.docker.getContainer(world.spec.name)
    await container.kill()
    for (const why of ['it is exited', 'it was removed']) {
      await expect(sandbox.start('true', never)).rejects.toMatchObject({
        code: 'SANDBOX_LOST',
        message: expect.stringContaining(why),
      })
      if (why === 'it is exited') await container.remove()
    }
    await world.close()
  })
})
