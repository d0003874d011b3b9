/** The two ways people run a command in a container: the docker command, and the engine's API. */
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import Docker from 'dockerode'
import { run } from './programs.ts'

const docker = new Docker()

export const dockerExec = (container: string, command: readonly string[]) =>
  run('docker', ['exec', container, ...command])

/** One exec over the API with its output read and its exit code asked for, as dockerode does it. */
export async function apiExec(container: string, command: readonly string[]): Promise<void> {
  const exec = await docker.getContainer(container).exec({
    Cmd: [...command],
    AttachStdout: true,
    AttachStderr: true,
  })
  const stream = await exec.start({ hijack: true, stdin: false })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, stdout, stderr)
  stdout.resume()
  stderr.resume()
  await once(stream, 'end')
  const { ExitCode } = await exec.inspect()
  if (ExitCode !== 0) throw new Error(`${command.join(' ')} ended with ${ExitCode}`)
}

export async function dockerVersion(): Promise<string | undefined> {
  return docker.version().then(
    ({ Version }) => Version,
    () => undefined,
  )
}
