/** A workspace with changes of every kind waiting on both sides, and what it must never come to. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { channelScripts } from '../../src/scripts/script.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalOptions, type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'

export interface Scene {
  readonly folder: string
  readonly host: string
  readonly root: string
  remove(): void
}

const context = { signal: new AbortController().signal, report: () => {} }

export const sandboxOf = (scene: Scene, options: LocalOptions = {}): LocalSandbox =>
  localSandbox({ ...options, folder: scene.folder })

export async function sync(scene: Scene, sandbox: LocalSandbox): Promise<void> {
  const mirror = newMirror(scene.host, join(scene.folder, 'state/ancestor'))
  await mirror.sync(channelScripts(sandbox), 'both', context)
}

/** Contents that one side has and the other has not: none of them may ever be nowhere. */
const newContents = [
  'host 1',
  'host 2',
  'sandbox 1',
  'sandbox 2',
  'h new',
  's new',
  'h deep',
  's deep',
  'h kind',
  's kind',
]

/** Both sides agreed, and have changed since. */
export async function makeScene(): Promise<Scene> {
  const scene = newScene()
  const { host, root } = scene
  for (const path of [
    'both',
    'd/both',
    'h/edit',
    's/edit',
    'h/gone',
    's/gone',
    'h/mode',
    's/mode',
    'h/kind',
    's/kind',
    'h/dir/x',
    's/dir/x',
  ]) {
    put(host, path, 'agreed')
  }
  symlinkSync('edit', join(host, 'h/link'))
  await sync(scene, sandboxOf(scene))
  put(host, 'both', 'host 1')
  put(root, 'both', 'sandbox 1')
  put(host, 'd/both', 'host 2')
  put(root, 'd/both', 'sandbox 2')
  for (const [side, at] of [
    ['h', host],
    ['s', root],
  ] as const) {
    put(at, `${side}/edit`, `${side} new`)
    rmSync(join(at, `${side}/gone`))
    chmodSync(join(at, `${side}/mode`), 0o755)
    rmSync(join(at, `${side}/kind`))
    put(at, `${side}/kind/in/it`, `${side} deep`)
    rmSync(join(at, `${side}/dir`), { recursive: true })
    put(at, `${side}/dir`, `${side} kind`)
    symlinkSync('edit', join(at, `${side}/turned`))
    mkdirSync(join(at, `${side}/empty`))
  }
  return scene
}

/** The same once more, for one case. */
export function copyOf(scene: Scene): Scene {
  const copy = newScene()
  execFileSync('cp', ['-a', `${scene.folder}/.`, copy.folder])
  return copy
}

function newScene(): Scene {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-faults-')))
  const scene = {
    folder,
    host: join(folder, 'host'),
    root: join(folder, 'box/workspace'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
  mkdirSync(scene.host)
  mkdirSync(scene.root, { recursive: true })
  return scene
}

function put(side: string, path: string, text: string): void {
  mkdirSync(dirname(join(side, path)), { recursive: true })
  writeFileSync(join(side, path), text)
}

/** Everything there is by path. What is ours, and may be left where a pass was cut, is left out unless it is asked for. */
export function contents(directory: string, withOurs = false, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(join(directory, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    const full = join(directory, path)
    if (entry.name === '.sandbox-mcp' || (!withOurs && entry.name.startsWith('.sbx-'))) continue
    if (entry.isSymbolicLink()) found[path] = `-> ${readlinkSync(full)}`
    else if (entry.isDirectory()) {
      Object.assign(found, { [`${path}/`]: '' }, contents(directory, withOurs, path))
    } else {
      const executable = (lstatSync(full).mode & 0o111) !== 0
      found[executable ? `${path}*` : path] = readFileSync(full, 'latin1')
    }
  }
  return found
}

/** What is wrong with a pair of sides that a cut has left; nothing should be. */
export function damage({ host, root }: Scene): string[] {
  const wrong: string[] = []
  const sides = { host: contents(host), sandbox: contents(root) }
  const whole = new Set(['', 'agreed', ...newContents])
  for (const [side, files] of Object.entries(sides)) {
    for (const [path, text] of Object.entries(files)) {
      if (!whole.has(text) && !text.startsWith('-> ')) wrong.push(`${side}: ${path} holds ${text}`)
    }
  }
  // What is kept in the stage of a cut pass is not lost, but nobody would find it there.
  const everywhere = new Set([...Object.values(sides.host), ...Object.values(sides.sandbox)])
  for (const text of newContents) if (!everywhere.has(text)) wrong.push(`${text} is nowhere`)
  return wrong
}
