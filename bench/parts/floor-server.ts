/** The least a server in Node can be: a loop that answers `initialize`, without any library. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from '../stage.ts'

const program = `
let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (text) => {
  rest += text
  const lines = rest.split('\\n')
  rest = lines.pop()
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line)
    if (method !== 'initialize') continue
    const result = {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'floor', version: '1.0.0' },
    }
    process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n')
  }
})
`

/** Its path. */
export function floorServer(stage: Stage): string {
  const file = join(stage.directory('floor'), 'server.mjs')
  writeFileSync(file, program)
  return file
}
