/** What containers have to be made differently for. */
export interface EngineTraits {
  /** Binds need a label, or confined containers may not touch the files. */
  readonly selinux: boolean
  /** Set where the engine is Podman's compatible service. */
  readonly podman: PodmanTraits | undefined
}

export interface PodmanTraits {
  /** As the service tells it, `4.3.1` say. */
  readonly version: string
  /** It runs as an ordinary user, in a user namespace. */
  readonly rootless: boolean
}

/** Out of the engine's answers to `info` and `version`. */
export function engineTraits(
  info: { readonly SecurityOptions?: unknown },
  version: { readonly Components?: readonly { Name: string; Version: string }[] },
): EngineTraits {
  const security = Array.isArray(info.SecurityOptions) ? info.SecurityOptions.map(String) : []
  const podman = version.Components?.find(({ Name }) => Name.includes('Podman'))
  return {
    selinux: security.some((option) => option.includes('selinux')),
    podman: podman && {
      version: podman.Version,
      rootless: security.some((option) => option.includes('rootless')),
    },
  }
}
