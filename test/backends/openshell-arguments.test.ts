/** Which arguments each version of `openshell` takes: the real program and the double agree. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import {
  accepts,
  argumentTable,
  type Ran,
  realProgram,
  realVersions,
  runReal,
  runUnreachable,
} from '../support/openshell/argument-table.ts'
import { parse, UsageError } from '../support/openshell/cli/parse.ts'
import { startOpenShellDouble } from '../support/openshell/double.ts'

/** The words with which arguments are refused, or nothing when they are taken. */
function refusalOfDouble(args: readonly string[], version: string): string | undefined {
  try {
    parse(args, version, {})
    return undefined
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return words(error.message)
  }
}

/** Without hints and the usage, which the double does not tell in full. */
const words = (stderr: string) => stderr.split('\n\n')[0]?.replace(/\n {2}tip:.*/s, '')

test('the table is what the double takes, in every version', () => {
  for (const version of ['0.0.86', '0.0.92', '0.0.105', '0.0.111', '0.1.5']) {
    for (const row of argumentTable) {
      const taken = refusalOfDouble(row.args, version) === undefined
      expect({ version, args: row.args, taken }).toEqual({
        version,
        args: row.args,
        taken: accepts(version, row),
      })
    }
  }
})

describeWhere('openshell', 'the real openshell', () => {
  let config = ''
  beforeAll(() => {
    config = mkdtempSync(join(tmpdir(), 'openshell-config-'))
  })
  afterAll(() => rmSync(config, { recursive: true, force: true }))

  test.each(realVersions)(
    '%s takes what the table says, and refuses the rest as the double does',
    async (version) => {
      for (const row of argumentTable) {
        const { exitCode, stderr } = await runReal(version, row.args, config)
        const refusal = exitCode === 2 ? words(stderr) : undefined
        const args = row.args.join(' ')
        expect({ args, taken: refusal === undefined }).toEqual({
          args,
          taken: accepts(version, row),
        })
        expect({ args, refusal: refusalOfDouble(row.args, version) }).toEqual({ args, refusal })
      }
    },
    120_000,
  )
})

/** Calls that need no gateway, or find none: all that they print is known. */
const withoutGateway: readonly (readonly string[])[] = [
  ['--version'],
  ['sandbox', 'list'],
  ['sandbox', 'get', 'a', '--workspace', 'w'],
  ['sandbox', 'delete', 'a'],
  ['sandbox', 'exec', '-n', 'a', '--', 'true'],
  ['sandbox', 'exec', '-n', 'a', '--env', 'OPENSHELL_A=b', '--', 'true'],
  ['sandbox', 'create', '--name', 'a', '--', 'true'],
  ['sandbox', 'create', '--label', 'word'],
  ['sandbox', 'create', '--label', 'several words '.repeat(12)],
  ['sandbox', 'create', '--label', 'oneword'.repeat(20)],
  ['sandbox', 'create', '--label', 'one-word/or '.repeat(20)],
  ['sandbox', 'create', '--env', '1=2'],
  ['sandbox', 'create', '--env', 'OPENSHELL_A=b'],
  ['sandbox', 'create', '--upload', '/nowhere/at/all'],
  ['sandbox', 'upload', 'a', '/nowhere/at/all'],
  ['sandbox', 'upload', '--no-git-ignore', 'a', '/etc/passwd', '/sandbox/x'],
  ['sandbox', 'download', 'a', 'x', '/tmp/y'],
  ['sandbox', 'ssh-config', 'a'],
  ['sandbox', 'ssh-config', "it's"],
  ['ssh-proxy', '--name', 'a'],
  ['ssh-proxy', '--gateway-name', 'unknown', '--name', 'a'],
  ['ssh-proxy', '--gateway-name', 'g', '--name', 'a', '--server', 'http://127.0.0.1:1'],
  ['ssh-proxy', '-g', 'http://127.0.0.1:1', '--sandbox-id', 'i', '--token', 't'],
  ['status'],
  ['status', '-o', 'json'],
  ['gateway', 'list'],
  ['gateway', 'list', '-o', 'json'],
  ['gateway', 'select', 'unknown'],
  ['gateway', 'remove', 'unknown'],
  ['gateway', 'add', 'http://127.0.0.1:1', '--name', 'one'],
  ['gateway', 'add', 'http://127.0.0.1:1', '--name', 'one'],
  ['gateway', 'add', 'http://127.0.0.1:1'],
  ['gateway', 'list'],
  ['gateway', 'list', '-o', 'json'],
  ['sandbox', 'ssh-config', 'a'],
  ['gateway', 'remove', 'openshell'],
  ['workspace', 'list', '-o', 'json'],
  ['whoami', '-o', 'json'],
]

describeWhere('openshell', 'without a gateway', () => {
  describeWhere('openshell-double', 'the double', () => {
    test.each(realVersions)(
      'prints what openshell %s prints, byte for byte',
      async (version) => {
        const double = await startOpenShellDouble({ version })
        const config = join(double.state, 'real')
        const theirs = join(double.state, 'theirs')
        try {
          for (const args of withoutGateway) {
            const real = await runReal(version, args, config)
            const other = await runUnreachable(double.command, args, theirs)
            expect({ args, ...comparable(other, theirs, double.command) }).toEqual({
              args,
              ...comparable(real, config, realProgram(version)),
            })
          }
        } finally {
          await double.close()
        }
      },
      240_000,
    )
  })
})

/** Where the program and its configuration are does not matter; nor do clap's hints and usage. */
function comparable({ exitCode, stdout, stderr }: Ran, config: string, program: string) {
  const plain = (text: string) => text.replaceAll(program, 'PROGRAM').replaceAll(config, 'CONFIG')
  return {
    exitCode,
    stdout: plain(stdout),
    stderr: exitCode === 2 ? words(stderr) : plain(stderr),
  }
}
