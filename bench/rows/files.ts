/** read, write and edit of 10 KB: on workspaces whose files are on the host, and on far ones. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type McpServer, textOf } from '../mcp-server.ts'
import { ours, type Place } from '../parts/ours.ts'
import { run } from '../parts/programs.ts'
import { peer } from '../peers.ts'
import type { Need, Peer, Row, Section } from '../row.ts'
import { type Sample, timed } from '../sampling.ts'
import type { Stage } from '../stage.ts'
import { atMost, limit } from '../target.ts'

type Operation = 'read' | 'write' | 'edit'

const lastLine = 'the last line'

/** 10 KB of text, whose first line is different for each `number`. */
const content = (number: number) =>
  `${firstLine(number)}\n${'a line of text that is read and written\n'.repeat(256)}${lastLine}\n`
const firstLine = (number: number) => `number ${number}.`

/** What a server's tools are called with: absolute or relative paths, as it takes them. */
interface FileTools {
  read(path: string): readonly [string, Record<string, unknown>]
  write(path: string, text: string): readonly [string, Record<string, unknown>]
  edit(path: string, from: string, to: string): readonly [string, Record<string, unknown>]
}

const ourTools: FileTools = {
  read: (path) => ['read', { path }],
  write: (path, text) => ['write', { path, content: text }],
  edit: (path, oldText, newText) => ['edit', { path, edits: [{ oldText, newText }] }],
}

const filesystemTools: FileTools = {
  read: (path) => ['read_text_file', { path }],
  write: (path, text) => ['write_file', { path, content: text }],
  edit: (path, oldText, newText) => ['edit_file', { path, edits: [{ oldText, newText }] }],
}

const commanderTools: FileTools = {
  read: (path) => ['read_file', { path }],
  write: (path, text) => ['write_file', { path, content: text, mode: 'rewrite' }],
  edit: (path, from, to) => [
    'edit_block',
    { file_path: path, old_string: from, new_string: to, expected_replacements: 1 },
  ],
}

/** `path` is what the tools are given, for a file that is there with `content(0)`. */
function sampleOf(operation: Operation, server: McpServer, tools: FileTools, path: string): Sample {
  let number = 0
  switch (operation) {
    case 'read':
      return timed(async () => {
        const result = await server.call(...tools.read(path))
        if (!textOf(result).includes(lastLine)) throw new Error('not all of it was read')
      })
    case 'write':
      return timed(() => {
        number += 1
        return server.call(...tools.write(path, content(number)))
      })
    case 'edit':
      return timed(() => {
        number += 1
        return server.call(...tools.edit(path, firstLine(number - 1), firstLine(number)))
      })
  }
}

async function oursOf(stage: Stage, place: Place, operation: Operation): Promise<Sample> {
  const server = await ours(stage, place)
  const path = `${operation}-${Math.round(performance.now())}.txt`
  await server.call('write', { path, content: content(0) })
  return sampleOf(operation, server, ourTools, path)
}

const other = (
  name: 'server-filesystem' | 'desktop-commander',
  tools: FileTools,
  operation: Operation,
): Peer => ({
  name,
  fullOnly: name === 'desktop-commander',
  ...(name === 'server-filesystem' ? { target: atMost(1) } : {}),
  async open(stage) {
    const folder = stage.directory('files-of-others')
    const server = await peer(stage, name, folder)
    const path = join(folder, `${operation}-${Math.round(performance.now())}.txt`)
    writeFileSync(path, content(0))
    const sample = sampleOf(operation, server, tools, path)
    return async () => {
      const value = await sample()
      if (operation !== 'read' && readFileSync(path, 'utf8').startsWith(firstLine(0))) {
        throw new Error(`${name} did not ${operation}`)
      }
      return value
    }
  },
})

/** Files are on the host: bound into the sandbox, or mirrored to it. */
const near = (place: Place, title: string, need: Need, operation: Operation): Row => ({
  id: `files/${operation}-${place}`,
  title: `${operation} 10 KB, ${title}`,
  unit: 'ms',
  needs: [need],
  ours: (stage) => oursOf(stage, place, operation),
  peers: [
    other('server-filesystem', filesystemTools, operation),
    ...(place === 'docker' ? [other('desktop-commander', commanderTools, operation)] : []),
  ],
})

/** How fast the machine is: a file far away takes some programs there. */
const oneProgram: Peer = {
  name: 'Node spawn, no sandbox',
  open: async () => timed(() => run('/bin/true', [])),
}

const far = (place: Place, title: string, need: Need, operation: Operation): Row => ({
  id: `files/${operation}-${place}`,
  title: `${operation} 10 KB, ${title}`,
  unit: 'ms',
  needs: [need],
  fullOnly: operation === 'edit',
  ...(operation === 'edit' ? {} : { target: limit(3) }),
  ours: (stage) => oursOf(stage, place, operation),
  peers: [oneProgram],
})

const operations: readonly Operation[] = ['read', 'write', 'edit']

export const files: Section = {
  name: 'files',
  rows: [
    ...operations.map((operation) => near('docker', 'bound (Docker)', 'docker', operation)),
    ...operations.map((operation) =>
      near('openshell', 'mirrored (OpenShell)', 'openshell-double', operation),
    ),
    ...operations.map((operation) => far('ssh', 'remote (SSH)', 'ssh', operation)),
    ...operations.map((operation) => ({
      ...far('openshell-remote', 'remote (OpenShell)', 'openshell-double', operation),
      fullOnly: true,
    })),
  ],
}
