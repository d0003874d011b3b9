/** Every mistake in a file is told with the value, its place and the next step; secrets are not. */
import { describe, expect, test } from 'vitest'
import { inSandbox, refusal, secret } from './refusal.ts'
import { usual } from './resolved.ts'

const at = (path: string, line = 3) => `at agents.defaults.sandbox.${path} (line ${line})`

describe('in a file', () => {
  test.each([
    ['mod: "all"', 'no setting "mod" here; did you mean "mode"?', at('mod')],
    ['docker: { imagee: "x" }', '"imagee" here; did you mean "image"?', at('docker.imagee')],
    ['docker: { cpu: 1 }', '"cpu" here; did you mean "cpus"?', at('docker.cpu')],
    ['target: "me@host"', '"target" here; it belongs in agents.defaults.sandbox.ssh', at('target')],
    ['workspace: "/x"', '"workspace" here; it belongs in agents.defaults', at('workspace')],
    ['toString: {}', 'no setting "toString" here; there are mode,', at('toString')],
    ['openshell: {}', 'it belongs in plugins.entries.openshell.config', at('openshell')],
    ['prune: { foo: 1 }', '"foo" here; there are idleHours, maxAgeDays', at('prune.foo')],
    ['mode: "al"', 'mode must be "off", "non-main" or "all", not "al"', at('mode')],
    ['mode: true', 'mode must be "off", "non-main" or "all", not true', at('mode')],
    ['backend: "podman"', 'backend is written "docker" for Podman', at('backend')],
    [
      'backend: "crabbox"',
      '"docker", "bubblewrap", "ssh" or "openshell", not "crabbox"',
      at('backend'),
    ],
    ['docker: []', 'docker must be an object, not a list', at('docker')],
    ['docker: null', 'docker must be an object, not null', at('docker')],
    ['docker: { image: 5 }', 'image must be text, not 5', at('docker.image')],
    ['docker: { image: "" }', 'image must not be empty', at('docker.image')],
    ['docker: { memory: true }', 'memory must be text or a number, not true', at('docker.memory')],
    ['docker: { cpus: 0 }', 'cpus must be more than 0, not 0', at('docker.cpus')],
    [
      'docker: { memorySwap: -2 }',
      'memorySwap must be at least -1, not -2',
      at('docker.memorySwap'),
    ],
    ['docker: { pidsLimit: 1.5 }', 'must be a whole number, not 1.5', at('docker.pidsLimit')],
    ['docker: { workdir: "w" }', 'workdir must be an absolute path, not "w"', at('docker.workdir')],
    ['docker: { tmpfs: ["/a", 4] }', 'must be text, not 4', at('docker.tmpfs[1]')],
    ['docker: { dns: "1.1.1.1" }', 'dns must be a list of text, not "1.1.1.1"', at('docker.dns')],
    [
      'docker: { env: { "A-B": "" } }',
      '"A-B" is not a name of an environment',
      at('docker.env.A-B'),
    ],
    [`docker: { env: { A: ["${secret}"] } }`, 'A must be text, not a list', at('docker.env.A')],
    ['docker: { env: { A: 1 } }', 'A must be text, not this number', at('docker.env.A')],
    [
      'docker: { ulimits: { nofile: {} } }',
      'needs soft, hard or both',
      at('docker.ulimits.nofile'),
    ],
    [
      'docker: { gpus: false }',
      'gpus must be text or a whole number, not false',
      at('docker.gpus'),
    ],
    [
      'docker: { ulimits: { nofile: { soft: "x" } } }',
      'soft must be a whole number, not "x"',
      at('docker.ulimits.nofile.soft'),
    ],
    [
      'docker: { ulimits: { nofile: { soft: 1, hrd: 2 } } }',
      'no setting "hrd" here; did you mean "hard"?',
      at('docker.ulimits.nofile.hrd'),
    ],
    [
      'docker: { setupCommand: ["a", 1] }',
      'setupCommand[1] must be text, not 1',
      at('docker.setupCommand[1]'),
    ],
    ['docker: { dns: [null] }', 'dns[0] must be text, not null', at('docker.dns[0]')],
    [
      'docker: { pidsLimit: 1e30 }',
      'pidsLimit must be at most 9007199254740991',
      at('docker.pidsLimit'),
    ],
    ['ssh: { command: "plink" }', 'command cannot be chosen: no ssh program', at('ssh.command')],
    [
      'ssh: { identityData: 5 }',
      'must be text or an object, not this number',
      at('ssh.identityData'),
    ],
    ['ssh: { identityData: { source: "env" } }', 'id is missing', at('ssh.identityData.id')],
    [`ssh: { identityData: ["${secret}"] }`, 'not a list', at('ssh.identityData')],
    [
      'ssh: { identityData: { source: "exec", id: "x" } }',
      '"exec" are not read',
      at('ssh.identityData'),
    ],
    [
      'ssh: { identityData: { source: "vault", id: "x" } }',
      '"vault" are not read; use {source: "env"}',
      at('ssh.identityData'),
    ],
    [
      'ssh: { identityData: { source: "env", id: "X" } }',
      'variable X is not set',
      at('ssh.identityData'),
    ],
    ['ssh: { workspaceRoot: "rel" }', 'begin with ~/, not "rel"', at('ssh.workspaceRoot')],
    [`docker: { image: "\${NOT_SET}" }`, 'variable NOT_SET is not set', at('docker.image')],
    [`docker: { image: "\${EMPTY}" }`, 'variable EMPTY is not set', at('docker.image')],
    [
      `docker: { memory: ["\${TOKEN}"] }`,
      'memory must be text or a number, not a list',
      at('docker.memory'),
    ],
    [`mode: "\${TOKEN}"`, 'mode must be "off", "non-main" or "all", not this text', at('mode')],
    [
      'sync: { gitignore: "yes" }',
      'gitignore must be true or false, not "yes"',
      at('sync.gitignore'),
    ],
    ['prune: { idleHours: -1 }', 'idleHours must be at least 0', at('prune.idleHours')],
  ])('%s', async (text, what, where) => {
    const { message } = await refusal([], {
      config: inSandbox(text),
      env: { TOKEN: secret, EMPTY: '' },
    })
    expect(message).toContain(`a problem in ${usual}:\n\u2716 `)
    expect(message).toContain(what)
    expect(message).toContain(`\n  \u2192 ${where}`)
  })

  test.each([
    ['{agents: {list: [{sandbox: {}}]}}', 'id is missing', 'at agents.list[0].id (line 1)'],
    ['{agents: {list: [{id: "a"}, {id: "a"}]}}', 'more than one agent "a"', 'agents.list[1] '],
    [
      '{agents: {list: [{id: "a"}], entries: {a: {}}}}',
      'more than one agent "a"',
      'at agents.list[0] (line 1)',
    ],
    [
      '{agents: {entries: {a: {\nsandbox: {scop: 1}}}}}',
      'did you mean "scope"?',
      'at agents.entries.a.sandbox.scop (line 2)',
    ],
    ['{agents: {defaults: {workspace: "x"}}}', 'must be an absolute path', 'defaults.workspace'],
    ['{agents: {list: [{id: "a:b"}]}}', 'id is not a usable id', 'at agents.list[0].id (line 1)'],
    [
      '{agents: {entries: {"a b": {}}}}',
      '"a b" is not a usable id: up to 64 letters',
      'at agents.entries.a b (line 1)',
    ],
    ['{agents: []}', 'agents must be an object, not a list', 'at agents (line 1)'],
    ['[]', 'the file must be an object, not a list', 'at line 1'],
    [
      '{tools: {sandbox: {tools: {allow: ["a"], alsoAllow: ["b"]}}}}',
      'cannot have both allow and alsoAllow',
      'at tools.sandbox.tools (line 1)',
    ],
    [
      '{tools: {sandbox: {deny: []}}}',
      'it belongs in tools.sandbox.tools',
      'at tools.sandbox.deny',
    ],
    [
      '{plugins: {entries: {openshell: {config: {gatway: "x"}}}}}',
      'did you mean "gateway"?',
      'at plugins.entries.openshell.config.gatway (line 1)',
    ],
    [
      '{plugins: {entries: {openshell: {config: {workspace: "A_b"}}}}}',
      'workspace must be 1 to 19 lower-case letters',
      'at plugins.entries.openshell.config.workspace (line 1)',
    ],
    [
      '{plugins: {entries: {openshell: {config: {timeoutSeconds: 0}}}}}',
      'timeoutSeconds must be at least 1',
      'at plugins.entries.openshell.config.timeoutSeconds (line 1)',
    ],
    ['', 'this is not JSON5: it is empty', 'at line 1'],
    ['// { a: 1 }\n/* b */\n', 'this is not JSON5: it is empty', 'at line'],
    ['{\n  a: 1\n  b: 2 }', 'this is not JSON5: unexpected "b"', 'at line 3'],
    ['{\n  a: {', 'something is not closed at its end', 'at line 2'],
    [`{\n\n  a: "${secret}`, 'something is not closed at its end', 'at line 3'],
    [`{\n  a: ${secret}-key }`, 'unexpected "s"', 'at line 2'],
    ['{\n  a: # }', 'unexpected "#"', 'at line 2'],
  ])('%s', async (config, what, where) => {
    const { message } = await refusal([], { config })
    expect(message).toContain(what)
    expect(message).toContain(where)
  })

  test.each([300, 50_000])('that is %i levels deep', async (levels) => {
    const objects = `${'{a: '.repeat(levels)}1${'}'.repeat(levels)}`
    for (const config of [objects, inSandbox(`docker: ${objects}`)]) {
      const { message } = await refusal([], { config })
      expect(message).toContain('this is nested too deeply to be read')
    }
  })

  test('at its line in the list that counts, where there are two', async () => {
    const { message } = await refusal([], {
      config: inSandbox('docker: { dns: ["1.1.1.1"],\n\n    dns: [\n    1] }'),
    })
    expect(message).toContain('at agents.defaults.sandbox.docker.dns[0] (line 6)')
  })

  test('all its problems at once, in the order of the file', async () => {
    const { message } = await refusal([], {
      config: inSandbox('ssh: { port: 22 },\n    mode: 1,\n    docker: { gpu: "all" },'),
    })
    expect(message).toContain(`3 problems in ${usual}:`)
    expect(message.match(/line \d/g)).toEqual(['line 3', 'line 4', 'line 5'])
  })
})
