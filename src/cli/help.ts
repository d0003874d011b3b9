/** Fits a screen. */
export const help = `sandbox-mcp: an MCP server that gives any LLM client a computer it can use without harm

Usage: sandbox-mcp [--workspace DIR] [options]      speaks MCP on stdin and stdout
       sandbox-mcp config check FILE | schema       checks a file; prints the schema of one

  --workspace DIR     the project; seen as /workspace inside [WORKSPACE_BASE; the current directory]
  --backend NAME      docker, bubblewrap, ssh, openshell, or auto: Docker, else bubblewrap [auto]
  --access MODE       rw; ro: the project only at /agent, unchangeable; none: not at all [rw]
  --image REF         the image of Docker sandboxes [node:22-bookworm]
  --network MODE      none, or bridge or another Docker network; bubblewrap: none or host [none]
  --agent ID          agents have a sandbox each [SANDBOX_MCP_AGENT; main]
  --session NAME      [main]
  --config FILE       settings, in OpenClaw's shape [~/.config/sandbox-mcp/config.json5]
  --set KEY=VALUE     any other setting: --set docker.memory=2g
  --ephemeral         remove the sandbox when the session ends
  --output-limit N    the most characters of a command's output in one result [30000]
  --tool-prefix P     put P before every tool's name, for clients that do not tell servers apart
  --help, --version
`
