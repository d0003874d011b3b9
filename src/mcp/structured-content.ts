/**
 * Which clients get structured content, and the shape of it in `tools/list`.
 *
 * MCP leaves open what of a result a model is shown. Those named here show it the structured content, as JSON, in
 * place of the text: Claude Code (its issue 79944), Codex and opencode drop images as well, Visual Studio Code does
 * not, GitHub Copilot tells both, and Gemini CLI both of an error. Code is hard to read in JSON, and dear. Without structured content all of them
 * show text and images as they are.
 */
import type { CallResult, ListedTool } from './call-tool.ts'

/** How the names begin that they give themselves in `initialize`. */
const showData =
  /^(?:claude-code|codex|opencode|gemini-cli|github-copilot|visual studio code|code - oss)/i

/** A result as the client gets it that calls itself so. */
export function resultFor(client: string | undefined, result: CallResult): object {
  if (client === undefined || !showData.test(client)) return result
  const { structuredContent: _, ...rest } = result
  return rest
}

/** A tool as it is listed for that client. */
export function listedFor(client: string | undefined, tool: ListedTool): object {
  if (client === undefined || !showData.test(client)) return tool
  const { outputSchema: _, ...rest } = tool
  return rest
}
