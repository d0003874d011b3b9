/**
 * Argument lists for `openshell` and the versions that take them. What is true of them is checked
 * against the real program and the double alike; a builder of arguments can be put beside them.
 */
import { execa } from 'execa'
import { programPath } from '../available.ts'
import { atLeast } from './protocol.ts'

/** The versions of the real program that are there; the last is the newest that is published. */
export const realVersions = ['0.0.86', '0.0.92', '0.0.111'] as const
export type RealVersion = (typeof realVersions)[number]

export interface ArgumentRow {
  readonly args: readonly string[]
  /** The first version that takes them; undefined is all, `never` is none. */
  readonly since?: string
  /** The first version that takes them no more. */
  readonly until?: string
}

export function accepts(version: string, { since, until }: ArgumentRow): boolean {
  if (since === 'never') return false
  if (since !== undefined && !atLeast(version, since)) return false
  return until === undefined || !atLeast(version, until)
}

const row = (line: string, since?: string, until?: string): ArgumentRow => ({
  args: line.split(' '),
  ...(since === undefined ? {} : { since }),
  ...(until === undefined ? {} : { until }),
})

export const argumentTable: readonly ArgumentRow[] = [
  // What a client needs.
  row('sandbox create --name sbx-a --no-tty --no-auto-providers -o json', '0.0.92'),
  row('sandbox create --name sbx-a --no-tty --no-auto-providers --label a=b --label c=d -- true'),
  row(
    'sandbox create --name sbx-a --from image:1 --policy /p.yaml --gpu --provider x --provider y',
  ),
  row('sandbox create --auto-providers --env A=B --cpu 1 --memory 1Gi --approval-mode auto'),
  row('sandbox create --detach -- sleep infinity', '0.0.111'),
  row('sandbox create --upload /tmp:/sandbox --upload /etc --no-git-ignore'),
  row('sandbox create --tty --no-tty --keep'),
  row('sandbox create --no-keep -- true'),
  row('sandbox get sbx-a'),
  row('sandbox get sbx-a -o json', '0.0.92'),
  row('sandbox get sbx-a --output json', '0.0.92'),
  row('sandbox get sbx-a --policy-only'),
  row('sandbox list -o json --limit 1000 --offset 0 --selector a=b,c=d'),
  row('sandbox list --names --all-workspaces', '0.0.88'),
  row('sandbox list --ids'),
  row('sandbox delete sbx-a'),
  row('sandbox delete sbx-a sbx-b'),
  row('sandbox delete --all'),
  row('sandbox stop sbx-a', '0.0.105'),
  row('sandbox start sbx-a', '0.0.105'),
  row('sandbox exec -n sbx-a --workdir / --timeout 5 --no-tty -- ls --all'),
  row('sandbox exec --name sbx-a ls --all -n b'),
  row('sandbox exec -n sbx-a --no-login-shell true'),
  row('sandbox upload --no-git-ignore sbx-a /tmp /sandbox/'),
  row('sandbox upload sbx-a .'),
  row('sandbox download sbx-a /sandbox/x /tmp/y'),
  row('sandbox ssh-config sbx-a'),
  row('sb list'),
  row('ssh-proxy --gateway-name g --name sbx-a --server http://127.0.0.1:1'),
  row(
    'ssh-proxy --gateway-name g --name sbx-a --workspace w --server http://127.0.0.1:1',
    '0.0.88',
  ),
  row('ssh-proxy --gateway http://127.0.0.1:1 --sandbox-id i --token t --gateway-name g'),
  row('status'),
  row('status -o json', '0.0.92'),
  row('gateway list'),
  row('gateway list -o json'),
  row('gateway'),
  row('sandbox'),
  row('workspace list -o json', '0.0.88'),
  row('workspace get w', '0.0.88'),
  row('workspace create --name w --label a=b', '0.0.88'),
  row('workspace delete w x', '0.0.88'),
  row('whoami -o json', '0.0.95'),
  // Global flags stand anywhere.
  row('-g double sandbox list'),
  row('sandbox -g double list'),
  row('sandbox list --gateway double --gateway-insecure -v'),
  row('sandbox list --workspace w', '0.0.88'),
  row('--workspace w sandbox list', '0.0.88'),
  row('--version'),
  row('-V'),
  row('sandbox list --help'),
  // What clap refuses.
  row('sandbox create -o json -- true', 'never'),
  row('sandbox create -o json --no-keep', 'never'),
  row('sandbox create -o json --forward 8080', 'never'),
  row('sandbox create -o json --editor vscode', 'never'),
  row('sandbox create -o xml', 'never'),
  row('sandbox create --detach --no-keep', 'never'),
  row('sandbox create --detach --editor vscode', 'never'),
  row('sandbox create --keep --no-keep', 'never'),
  row('sandbox create --no-keep --forward 8080', 'never'),
  row('sandbox create --upload /tmp -- true', undefined, '0.0.111'),
  row('sandbox create --no-git-ignore', 'never'),
  row('sandbox create --name', 'never'),
  row('sandbox create --name a --name b', 'never'),
  row('sandbox create --approval-mode maybe', 'never'),
  row('sandbox create --gpu=0', 'never'),
  row('sandbox create word', 'never'),
  row('sandbox create -x', 'never'),
  row('sandbox create --nam x', 'never'),
  row('sandbox get a b', 'never'),
  row('sandbox get --name a', 'never'),
  row('sandbox get a --policy-only -o json', 'never'),
  row('sandbox list a', 'never'),
  row('sandbox list --ids --names', 'never'),
  row('sandbox list -o json --ids', 'never'),
  row('sandbox list --limit x', 'never'),
  row('sandbox list --limit -1', 'never'),
  row('sandbox list --all-workspaces=1', 'never'),
  row('sandbox delete', 'never'),
  row('sandbox delete --all a', 'never'),
  row('sandbox exec', 'never'),
  row('sandbox exec -n a', 'never'),
  row('sandbox exec -n a --timeout soon -- true', 'never'),
  row('sandbox upload', 'never'),
  row('sandbox upload a', 'never'),
  row('sandbox upload a b c d', 'never'),
  row('sandbox download a', 'never'),
  row('sandbox frob', 'never'),
  row('frob', 'never'),
  row('help', 'never'),
  row('workspace get', 'never'),
  row('workspace create', 'never'),
  row('workspace delete', 'never'),
  row('ssh-proxy --frob', 'never'),
  row('status --frob', 'never'),
]

/** What a program said and how it ended. */
export interface Ran {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export const realProgram = (version: RealVersion) =>
  `${programPath('openshell')}/${version}/openshell`

/** `runUnreachable` with the real program. */
export function runReal(
  version: RealVersion,
  args: readonly string[],
  config: string,
): Promise<Ran> {
  return runUnreachable(realProgram(version), args, config)
}

/**
 * Runs a program without any gateway: a call that gets as far as needing one fails with exit code 1.
 * `config` is a directory for what it keeps.
 */
export async function runUnreachable(
  program: string,
  args: readonly string[],
  config: string,
): Promise<Ran> {
  const env = { PATH: process.env.PATH ?? '', XDG_CONFIG_HOME: config, HOME: config }
  const options = { env, extendEnv: false, reject: false, stdin: 'ignore' } as const
  const endpoint = ['--gateway-endpoint', 'http://127.0.0.1:1']
  const { exitCode, stdout, stderr } = await execa(program, [...endpoint, ...args], options)
  return { exitCode, stdout, stderr }
}
