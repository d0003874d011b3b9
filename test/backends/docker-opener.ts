/** A server of another process: opens the sandbox that the argument describes, and waits for its end. */
import { DockerBackend } from '../../src/backends/docker.ts'

const { spec, settings } = JSON.parse(process.argv[2] ?? '')
const context = { signal: new AbortController().signal, report: () => {} }
void new DockerBackend(settings).open(spec, context).then(() => {
  process.stdout.write('open\n')
  process.stdin.resume()
})
