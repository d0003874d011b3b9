// One MCP client on one server over stdio, and the transcript of what they say to each other.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  getDefaultEnvironment,
  StdioClientTransport,
} from '@modelcontextprotocol/sdk/client/stdio.js'
import { root } from '../machine/dependencies.mjs'
import { checkInterrupted, interrupted, Problem } from '../machine/run.mjs'
import { bold, dim, duration, green, red, say } from '../machine/say.mjs'

const shownLines = 12
const shownWidth = 96

/** Starts the server with `args` and resolves with the session. `state` keeps it off the user's own. */
export async function connect(args, { workspace, state }) {
  const engine = Object.entries(process.env).filter(([name]) => /^DOCKER_|^XDG_RUNTIME/.test(name))
  const transport = new StdioClientTransport({
    command: process.execPath,
    args,
    cwd: root,
    env: {
      ...getDefaultEnvironment(),
      ...Object.fromEntries(engine),
      XDG_STATE_HOME: state,
      XDG_CONFIG_HOME: state,
    },
    stderr: 'pipe',
  })
  let stderr = ''
  transport.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const client = new Client({ name: 'sandbox-mcp-quickstart', version: '1.0.0' })
  try {
    await client.connect(transport, { signal: interrupted })
  } catch (error) {
    await client.close()
    throw new Problem(`The server did not start: ${error.message}\n${ending(stderr)}`)
  }
  const tools = toolsOf(client)
  return {
    perform: (number, step) => perform(number, step, { client, workspace, ...tools }),
    errors: () => ending(stderr),
    close: () => client.close(),
  }
}

function toolsOf(client) {
  /** Calls a tool, whose result must be what MCP says one is: text, and the same as data. */
  async function call(name, args) {
    const options = { signal: interrupted, timeout: 120_000 }
    const result = await client.callTool({ name, arguments: args }, undefined, options)
    const text = result.content.map((block) => block.text ?? '').join('\n')
    expect(text !== '', 'the result has text', result)
    expect(typeof result.structuredContent === 'object', 'the result has data', result)
    return { text, facts: result.structuredContent, isError: result.isError === true }
  }

  /** Calls a tool that must do what it was asked. */
  async function succeed(name, args) {
    const result = await call(name, args)
    expect(!result.isError, `${name} succeeds`, result.text)
    return result
  }

  /** Runs a command, which must end with `code`; resolves with its output. */
  async function run(command, code, args = {}) {
    const { facts, text } = await succeed('exec', { command, ...args })
    const output = facts.output ?? ''
    show(output)
    expect(facts.outcome === 'exited', 'the command ran to its end', facts)
    expect(facts.exitCode === code, `the exit code is ${code}`, facts.exitCode)
    expect(text.includes(output.trim()), 'the text has the whole output', text)
    return output
  }

  return { call, succeed, run }
}

/** The end of what the server said, without the line of bundled code that Node quotes in a crash. */
function ending(stderr) {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && line.length < 1000)
  return lines.slice(-20).join('\n')
}

class Unexpected extends Error {}

/** Fails the step, saying what should be and what is. */
export function expect(condition, should, got) {
  if (condition) return
  const shown = typeof got === 'string' ? got : JSON.stringify(got)
  throw new Unexpected(`should be: ${should}; got: ${shown}`)
}

/** Shows what came back, cut to what a person reads. */
export function show(text) {
  const lines = text.trimEnd().split('\n')
  for (const line of lines.slice(0, shownLines)) {
    say(`     ${dim('│')} ${line.length > shownWidth ? `${line.slice(0, shownWidth)}…` : line}`)
  }
  const more = lines.length - shownLines
  if (more > 0) say(`     ${dim(`│ … ${more} more lines`)}`)
}

/** True when the step went as it should. */
async function perform(number, { tool, title, run }, context) {
  say(`  ${String(number).padStart(2)} ${bold(tool.padEnd(12))} ${title}`)
  const started = performance.now()
  try {
    const claim = await run(context)
    say(`     ${green('✓')} ${claim}  ${dim(duration(performance.now() - started))}\n`)
    return true
  } catch (error) {
    checkInterrupted()
    say(`     ${red('✗')} ${error.message}\n`)
    if (/not connected|connection closed/i.test(error.message)) {
      throw new Problem('The server went away.')
    }
    return false
  }
}
