/** OpenHands' variables that have no effect here, and why. */

const remote = 'OpenHands’ remote runtime is no backend here'
const server = 'no server runs in a sandbox, and no port of it is published'
const agentServer =
  'no server runs in a sandbox; name an image with SANDBOX_RUNTIME_CONTAINER_IMAGE'
const build = 'no image is built; name one with SANDBOX_RUNTIME_CONTAINER_IMAGE'
const agent = 'it is a matter of OpenHands’ agent'
const user = 'no user is made in a sandbox; SANDBOX_USER_ID says whose numbers commands have'
const lifetime =
  'a sandbox is kept, and its processes end with the session; --ephemeral removes it, "prune" when it is old'

/** Reasons by the variable's name. */
export const ignoredVariables: Readonly<Record<string, string>> = {
  SANDBOX_REMOTE_RUNTIME_API_URL: remote,
  SANDBOX_API_KEY: remote,
  SANDBOX_REMOTE_RUNTIME_INIT_TIMEOUT: remote,
  SANDBOX_REMOTE_RUNTIME_API_TIMEOUT: remote,
  SANDBOX_REMOTE_RUNTIME_ENABLE_RETRIES: remote,
  SANDBOX_REMOTE_RUNTIME_CLASS: remote,
  SANDBOX_REMOTE_RUNTIME_RESOURCE_FACTOR: remote,
  SANDBOX_PAUSE_CLOSED_RUNTIMES: remote,
  SANDBOX_LOCAL_RUNTIME_URL: server,
  SANDBOX_RUNTIME_BINDING_ADDRESS: server,
  SANDBOX_VSCODE_PORT: server,
  SANDBOX_HOST_PORT: server,
  SANDBOX_CONTAINER_URL_PATTERN: server,
  SANDBOX_INITIALIZE_PLUGINS: server,
  SANDBOX_STARTUP_GRACE_SECONDS: server,
  OH_SANDBOX_CONTAINER_URL_PATTERN: server,
  AGENT_SERVER_USE_HOST_NETWORK: server,
  DOCKER_HOST_ADDR: server,
  INIT_PLUGIN_TIMEOUT: server,
  AGENT_SERVER_IMAGE_REPOSITORY: agentServer,
  AGENT_SERVER_IMAGE_TAG: agentServer,
  SANDBOX_RUNTIME_EXTRA_BUILD_ARGS: build,
  SANDBOX_RUNTIME_EXTRA_DEPS: build,
  SANDBOX_FORCE_REBUILD_RUNTIME: build,
  OH_RUNTIME_RUNTIME_IMAGE_REPO: build,
  SANDBOX_ENABLE_AUTO_LINT: agent,
  SANDBOX_BROWSERGYM_EVAL_ENV: agent,
  SANDBOX_SELECTED_REPO: agent,
  SANDBOX_TRUSTED_DIRS: agent,
  INSTALL_THIRD_PARTY_RUNTIMES: 'there is no backend that would have to be installed',
  SANDBOX_CLOSE_DELAY: lifetime,
  SANDBOX_RM_ALL_CONTAINERS: 'only sandboxes of this installation are ever removed',
  SANDBOX_DOCKER_RUNTIME_KWARGS: 'each of Docker’s settings has a key of its own in "docker"',
  SANDBOX_KVM_ENABLED: 'no device of the host is seen in a sandbox',
  SANDBOX_VOLUME_OVERLAYS: 'there are no overlay mounts',
  WORKSPACE_MOUNT_REWRITE: 'paths are not rewritten; give the right one in WORKSPACE_MOUNT_PATH',
  RUN_AS_OPENHANDS: user,
  RUNTIME_USERNAME: user,
  NO_CHANGE_TIMEOUT_SECONDS: 'a command may be silent for as long as it runs',
  RUNTIME_MEMORY_MONITOR: 'the engine sees to the limit of RUNTIME_MAX_MEMORY_GB',
}

/** Those of them that say something when they are off. */
export const onByDefault: readonly string[] = ['RUN_AS_OPENHANDS', 'SANDBOX_CLOSE_DELAY']
