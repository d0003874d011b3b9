/**
 * What MCP's own suite is run against. The shipped server as it is, over HTTP; and with the fixtures
 * that the suite wants, which go through our listing and calling of tools, our progress and errors,
 * and our building of a server, and replace our resources only.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { listTool } from '../../src/mcp/call-tool.ts'
import { instructions } from '../../src/mcp/instructions.ts'
import { buildServer, type ServerOptions, serveOn } from '../../src/mcp/sdk-v1.ts'
import { canPin } from '../../src/real-paths.ts'
import { HostSight } from '../../src/resources/host-sight.ts'
import { tools } from '../../src/tools/all.ts'
import { directorySession } from '../support/directory-session.ts'
import { fixedSession } from '../support/fixed-session.ts'
import { answerPromptsAndLogging, answerResources } from './fixture-answers.ts'
import { fixtureTools, jsonSchemaTool } from './fixture-tools.ts'
import { type HttpServer, serveHttp } from './http.ts'

/** The server that ships, on a workspace of one file and without a sandbox. */
export function serveShipped(): Promise<HttpServer> {
  return inWorkspace((root, inside) =>
    serveHttp((transport) => serveOn(transport, shipped(root, inside))),
  )
}

/** The suite's fixtures, through all of ours that can carry them. */
export function serveFixtures(): Promise<HttpServer> {
  return inWorkspace((root, inside) =>
    serveHttp(async (transport) => {
      const fixtures = fixtureTools(() => server)
      const { server, connect } = buildServer({
        ...shipped(root, inside),
        tools: async () => fixtures,
      })
      server.registerCapabilities({ prompts: {}, logging: {} })
      const listed = [...fixtures.map(listTool), jsonSchemaTool]
      server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }) as never)
      answerResources(server)
      answerPromptsAndLogging(server)
      await connect(transport)
    }),
  )
}

function shipped(root: string, inside: string): ServerOptions {
  return {
    version: '0',
    tools: async () => tools,
    sessions: fixedSession(
      directorySession(root, inside),
      new HostSight({ path: root, sandboxRoot: '/workspace', pinned: canPin }),
    ),
    instructions: instructions({
      project: 'real',
      uncertain: false,
      writable: true,
      withoutGit: false,
      onHost: false,
      account: undefined,
      names: undefined,
      binds: [],
      network: 'none',
      ephemeral: false,
    }),
  }
}

async function inWorkspace(
  serve: (root: string, inside: string) => Promise<HttpServer>,
): Promise<HttpServer> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-test-')))
  const [root, inside] = ['workspace', 'inside'].map((name) => {
    mkdirSync(join(directory, name))
    return join(directory, name)
  }) as [string, string]
  writeFileSync(join(root, 'hello.txt'), 'hello\n')
  const { url, close } = await serve(root, inside)
  return {
    url,
    close: async () => {
      await close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
