import { DockerEngine } from '../../src/backends/docker/engine.ts'
import { DockerBackend } from '../../src/backends/docker.ts'
import { describeBackend } from '../contract/backend.ts'
import { describeWhere, images } from '../support/available.ts'

const never = new AbortController().signal

describeWhere('docker', 'docker', () => {
  for (const [name, image] of Object.entries(images)) {
    describeBackend(`docker, ${name} image`, async () => ({
      backend: new DockerBackend({ image }),
      other: new DockerBackend({ image }),
      end: async (sandbox) => (await DockerEngine.connect(never)).remove(sandbox, never),
    }))
  }

  describeBackend(
    "docker, a workspace of another owner's",
    async () => ({
      backend: new DockerBackend({ image: images.debian }),
      other: new DockerBackend({ image: images.debian }),
      end: async (sandbox) => (await DockerEngine.connect(never)).remove(sandbox, never),
    }),
    process.getuid?.() === 0 ? { owner: { uid: 4321, gid: 4321 } } : {},
  )
})
