// What of docs/configuration.md is not made from the code.

export const introduction = `# Configuration

Most people need no file: the options of the command (\`--help\`) are enough. A file has the shape of
OpenClaw's, and OpenClaw's own file works as it is.

\`\`\`json5
{
  agents: {
    defaults: {
      sandbox: {
        backend: "docker",
        docker: { image: "python:3.13-bookworm", network: "bridge", memory: "8g" },
      },
    },
    entries: {
      reviewer: {
        sandbox: { docker: { network: "none" } },
        tools: { sandbox: { tools: { deny: ["write", "edit", "apply_patch"] } } },
      },
    },
  },
}
\`\`\`

- **Where.** \`--config FILE\`, else \`$XDG_CONFIG_HOME/sandbox-mcp/config.json5\` (\`~/.config\` where that is
  not set). A file in the workspace, or behind a link in it, is refused: it could be changed from the
  sandbox.
- **Which value counts.** Options, \`--set\` among them; then environment variables; then the file; then the
  default. In each of these an agent's own value wins over the one for all agents. \`docker.env\` and
  \`docker.ulimits\` are merged name by name, \`docker.binds\` of all agents and of one are added up, and every
  other list replaces the one before. An environment that a file sets for all agents takes the place of the
  default one. The workspace alone is taken from a file before it is taken from the environment.
- **Checks.** In the parts below an unknown key is an error that names the nearest right one; other parts of
  the file belong to OpenClaw and are not looked at. \`sandbox-mcp config check FILE\` tells all problems at
  once; \`sandbox-mcp config schema\` prints the JSON Schema.
- **One setting.** \`--set docker.memory=2g\` sets what stands at that path below \`agents.defaults.sandbox\`;
  paths may also begin with \`agents\`, \`tools\` or \`plugins\`. The value is JSON5, or else plain text.
- **Variables.** \`"\${NAME}"\` in any text is that environment variable, and \`"$\${NAME}"\` the text itself. One
  that is not set, nor in the file's own \`env\` or \`env.vars\`, is an error. Secrets may be
  \`{ source: "env", id: "NAME" }\` or \`"$NAME"\`. They never appear in messages.
- **Several files.** \`$include: "./agents.json5"\` in an object stands for what is in that file, a list for several of which
  the later win; what stands beside it wins over them, and lists are put one behind the other. Paths begin at the file they
  are in, and what holds for a file holds for those that it includes. As in OpenClaw they lead, after all links, into the
  directory of the first file or one of those in \`OPENCLAW_INCLUDE_ROOTS\` (\`DIR:DIR\`), and no included file is larger
  than 2 MiB, a hard link or a pipe.
- **Agents.** One has \`sandbox\`, \`workspace\` and \`tools.sandbox.tools\`, as all have them, in
  \`agents.entries.ID\`, or as an element with that \`id\` of \`agents.list\`.
- **Which agent.** \`--agent\`, else \`SANDBOX_MCP_AGENT\`, else the one with \`default: true\`, else \`main\`.`

export const variablesIntroduction = `## Environment variables

\`SANDBOX_MCP_AGENT\` names the agent. OpenHands' variables are read as well; an empty one counts as not set.`
