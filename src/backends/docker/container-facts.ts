/** What the engine tells about a container, as far as it matters here. */
export interface ContainerFacts {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** `created running paused restarting removing exited dead`. */
  readonly status: string
  /** Of its main process, where that has ended. */
  readonly exitCode: number
  readonly mounts: readonly ContainerMount[]
}

export interface ContainerMount {
  /** `bind`, `volume`, `tmpfs`. */
  readonly type: string
  /** On the engine's machine. */
  readonly source: string
  /** Inside. */
  readonly destination: string
}

/** The part of the Engine API's answer that is read. */
interface Inspected {
  readonly Id: string
  readonly Name: string
  readonly State: { readonly Status: string; readonly ExitCode: number }
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> }
  readonly Mounts?: readonly { Type?: string; Source: string; Destination: string }[]
  readonly HostConfig?: { readonly Tmpfs?: Readonly<Record<string, string>> | undefined }
}

export function containerFacts(found: Inspected): ContainerFacts {
  const mounts = (found.Mounts ?? []).map((mount) => ({
    type: mount.Type ?? 'bind',
    source: mount.Source,
    destination: mount.Destination,
  }))
  const tmpfs = Object.keys(found.HostConfig?.Tmpfs ?? {}).map((destination) => ({
    type: 'tmpfs',
    source: '',
    destination,
  }))
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    labels: found.Config.Labels ?? {},
    status: found.State.Status,
    exitCode: found.State.ExitCode,
    mounts: [...mounts, ...tmpfs],
  }
}
