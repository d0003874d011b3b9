/** Fits a screen of 80 columns and 24 lines. */
export const help = `sandbox-mcp: gives any MCP client a computer it can use without harm

Usage: sandbox-mcp [--workspace DIR] [options]   speaks MCP on stdin and stdout
       sandbox-mcp COMMAND [--help]              what people do with it

  --workspace DIR    the project [WORKSPACE_BASE; a client’s root; here]
  --backend NAME     docker, bubblewrap, ssh, openshell or auto [auto]
  --access MODE      of the project: rw, ro (at /agent) or none [rw]
  --image REF        the image of Docker sandboxes [node:22-bookworm]
  --network MODE     none, bridge, another of Docker’s; bubblewrap: host [none]
  --agent ID         agents have a sandbox each [SANDBOX_MCP_AGENT; main]
  --session NAME     [main]      --ephemeral   remove the sandbox at the end
  --config FILE      as OpenClaw has it [~/.config/sandbox-mcp/config.json5]
  --set KEY=VALUE    any other setting, such as docker.memory=2g
  --output-limit N   characters of a command’s output in one result [30000]
  --tool-prefix P    put before every tool’s name     --help, --version

Commands:  list      the sandboxes there are
           explain   what would be used, and why
           recreate  remove sandboxes, to begin anew
           prune     remove those long unused
           doctor    what works here, and how to fix the rest
           init      the settings for your client        config, completion
`
