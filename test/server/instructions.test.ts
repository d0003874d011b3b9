/** What the model is told of where it is, for each place it can be. */
import { expect, test } from 'vitest'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { instructions } from '../../src/mcp/instructions.ts'
import { instructionFacts } from '../../src/sessions/instruction-facts.ts'
import type { Settings, WorkspaceAccess } from '../../src/settings.ts'
import { settingsWith } from '../support/settings.ts'

const told = (access: WorkspaceAccess, changes: Partial<Settings> = {}) =>
  instructions(instructionFacts(settingsWith(changes), access))

const ssh = { backend: 'ssh', ssh: { target: 'me@build.example:2222' } } as const
const openshell = {
  backend: 'openshell',
  openshell: { ...openShellDefaults, mode: 'remote' },
} as const

test('files that are mounted', () => {
  expect(told('rw')).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /workspace. Files in /workspace are the user's real files; all others are the sandbox's own. It has no network access beyond its own localhost. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox."`,
  )
  expect(told('ro')).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /agent. Files in /agent are the user's real files and cannot be changed; /workspace is private; all others are the sandbox's own. It has no network access beyond its own localhost. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox."`,
  )
  expect(told('none', { network: 'bridge' })).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own, without any of the user's files. /workspace is private; all others are the sandbox's own. It has network access. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox."`,
  )
})

test('what else is mounted', () => {
  const docker = { ...settingsWith({}).docker, binds: ['/a/b:/data', '/c:/ref/:ro'] }
  expect(told('rw', { docker })).toContain(
    "user's real files; the user's real files are in /data, /ref (read-only); all others are",
  )
  expect(told('none', { docker })).toContain("without the user's project. /workspace is private")
  expect(told('rw', { docker, backend: 'ssh', ssh: ssh.ssh })).not.toContain('/data')
  const many = { ...docker, binds: Array.from({ length: 20 }, (_, i) => `/a:/m${i}`) }
  expect(told('rw', { docker: many })).toContain('/m7 and 12 more; ')
})

test('a copy on an ssh host', () => {
  expect(told('rw', ssh)).toMatchInlineSnapshot(
    `"These tools act on another machine: commands run as me on build.example, are not confined, and can do all that this account can. /workspace is a copy of the user's project that was made once: it is not kept in step, and nothing comes back to the user's machine; .git was left out; all others are the machine's own. It has that machine's network. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox. These names are for the tools: to commands, which start there, /workspace is $PWD."`,
  )
  expect(told('ro', { ...ssh, ephemeral: true })).toMatchInlineSnapshot(
    `"These tools act on another machine: commands run as me on build.example, are not confined, and can do all that this account can. /agent is a copy of the user's project that was made once: it is not kept in step, and nothing comes back to the user's machine, and is not to be changed; .git was left out; /workspace is private; all others are the machine's own. It has that machine's network. /workspace and all processes end with this session. Paths are relative to /workspace, or absolute in the sandbox. These names are for the tools: to commands, which start there, /workspace is $PWD, and /agent is $PWD/../agent."`,
  )
  expect(told('none', { ...ssh, ssh: { target: 'build' } })).toMatchInlineSnapshot(
    `"These tools act on another machine: commands run as a user of build, are not confined, and can do all that this account can. /workspace is private; all others are the machine's own. It has that machine's network. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox. These names are for the tools: to commands, which start there, /workspace is $PWD."`,
  )
})

test('a copy in an OpenShell sandbox', () => {
  expect(told('rw', openshell)).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /workspace. /workspace is a copy of the user's project that was made once: it is not kept in step, and nothing comes back to the user's machine; .git was left out; all others are the sandbox's own. Its network access is what its policy allows. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox. These names are for the tools: to commands, which start there, /workspace is /sandbox."`,
  )
  expect(told('ro', openshell)).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /agent. /agent is a copy of the user's project that was made once: it is not kept in step, and nothing comes back to the user's machine, and is not to be changed; .git was left out; /workspace is private; all others are the sandbox's own. Its network access is what its policy allows. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox. These names are for the tools: to commands, which start there, /workspace is /sandbox, and /agent is /agent."`,
  )
})

test('an OpenShell sandbox that is kept in step', () => {
  const mirror = { ...openshell, openshell: openShellDefaults }
  expect(told('rw', mirror)).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /workspace. Files in /workspace are kept in step with the user's real files, at each call, all but .git; all others are the sandbox's own. Its network access is what its policy allows. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox. These names are for the tools: to commands, which start there, /workspace is /sandbox."`,
  )
})

test('the host itself, without a sandbox', () => {
  const said = told('rw', { mode: 'off' })
  expect(said).toMatchInlineSnapshot(
    `"These tools act on the user's own machine, WITHOUT a sandbox: commands are not confined, and can do all that the user can. Take care. Files in /workspace are the user's real files; all others are the machine's own. It has this machine's network. Processes end with this session. Paths are relative to /workspace, or absolute on the machine. These names are for the tools: to commands, which start there, /workspace is $PWD."`,
  )
  expect(told('rw', { mode: 'non-main', session: 'main' })).toBe(said)
  expect(told('rw', { mode: 'non-main', session: 'other' })).toBe(told('rw'))
})

test('a project that only the client can name', () => {
  const undecided = (access: WorkspaceAccess) =>
    instructions(instructionFacts(settingsWith({}), access, true))
  expect(undecided('rw')).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /workspace, if there is one. Files in /workspace are the user's real files, unless the first result says that there is no project; all others are the sandbox's own. It has no network access beyond its own localhost. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox."`,
  )
  expect(undecided('ro')).toMatchInlineSnapshot(
    `"These tools act in a sandbox: a computer of its own with the user's project in /agent, if there is one. Files in /agent are the user's real files and cannot be changed, unless the first result says that there is no project; /workspace is private; all others are the sandbox's own. It has no network access beyond its own localhost. Files such as /tmp stay between sessions; processes end with this session. Paths are relative to /workspace, or absolute in the sandbox."`,
  )
})
