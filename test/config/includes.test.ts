/** Files that include others, as OpenClaw's may. */
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { refusal, secret } from './refusal.ts'
import { originLines, resolved, usual } from './resolved.ts'

const directory = '/home/me/.config/sandbox-mcp'
const at = (name: string) => `${directory}/${name}`

describe('$include', () => {
  test('names a file that stands in its place', async () => {
    const config = '{\n  agents: { $include: "./agents.json5" },\n}'
    const files = {
      [at('agents.json5')]: `{
        defaults: { sandbox: { $include: "parts/sandbox.json5" } },
        list: { $include: "/etc/agents.json5" },
      }`,
      [at('parts/sandbox.json5')]:
        '{\n  docker: { $include: "../docker.json5" },\n  scope: "session" }',
      [at('docker.json5')]: `{ image: "\${IMAGE}" }`,
      '/etc/agents.json5': '[{ id: "a", default: true,\n sandbox: { docker: { memory: "1g" } } }]',
    }
    const env = { IMAGE: 'x:1', OPENCLAW_INCLUDE_ROOTS: '/nowhere:/etc/' }
    const result = await resolved([], { config, files, env })
    expect(result.settings.docker).toMatchObject({ image: 'x:1', memory: '1g' })
    expect(originLines(result)).toEqual([
      'agent: "a" <- agents.list[0].default (line 1)',
      'docker.image: "x:1" <- agents.defaults.sandbox.docker.image (line 1)',
      'docker.memory: "1g" <- agents.list[0].sandbox.docker.memory (line 2)',
      'scope: "session" <- agents.defaults.sandbox.scope (line 3)',
    ])
    expect(result.origins.get('scope')?.source.name).toBe(at('parts/sandbox.json5'))
    expect(result.filesRead).toEqual([
      usual,
      ...Object.keys(files).slice(0, 3),
      '/etc/agents.json5',
    ])
  })

  test('names several, of which the later win, and what stands beside it wins over them', async () => {
    const config = `{
      $include: ["./a.json5", "./b.json5"],
      agents: { defaults: { sandbox: { docker: { binds: ["/c:/c"], cpus: 3 } } } },
    }`
    const sandbox = (docker: string) =>
      `{ agents: { defaults: { sandbox: { docker: ${docker} } } } }`
    const files = {
      [at('a.json5')]: sandbox('{ image: "a", memory: "1g", binds: ["/a:/a"], cpus: 1 }'),
      [at('b.json5')]: sandbox('{ image: "b", binds: ["/b:/b"], cpus: 2 }'),
    }
    const { settings } = await resolved([], { config, files })
    expect(settings.docker).toMatchObject({ image: 'b', memory: '1g', cpus: 3 })
    expect(settings.docker.binds).toEqual(['/a:/a', '/b:/b', '/c:/c'])
  })

  test('is not followed in what is somebody else’s, and is in the variables', async () => {
    const config = `{
      env: { $include: "./env.json5" },
      channels: { $include: "./channels.json5" },
      agents: { defaults: { models: { $include: "./models.json5" }, sandbox: { docker: { image: "\${IMAGE}" } } } },
    }`
    const files = { [at('env.json5')]: '{ IMAGE: "x" }' }
    const { settings, warnings } = await resolved([], { config, files })
    expect([settings.docker.image, warnings]).toEqual(['x', []])
  })

  test('may stand in a file twice and in files that are included twice', async () => {
    const config = `{ agents: { entries: { a: { $include: "./one.json5" }, b: { $include: "./one.json5" } } } }`
    const files = { [at('one.json5')]: '{ sandbox: { scope: "session" } }' }
    const { settings, filesRead } = await resolved(['--agent', 'b'], { config, files })
    expect([settings.scope, filesRead]).toEqual(['session', [usual, at('one.json5')]])
  })
})

describe('is told where it stands', () => {
  const sandbox = (text: string) => `{\n agents: { defaults: { sandbox:\n { ${text} } } } }`

  test.each<[string, Record<string, string>, string, string]>([
    [
      '$include: "./a"',
      {},
      `there is no file "${at('a')}" to include`,
      'sandbox.$include (line 3)',
    ],
    ['$include: 5', {}, '$include must be the path of a file, or a list', '(line 3)'],
    ['$include: []', {}, '$include must be the path of a file, or a list', '(line 3)'],
    ['$include: ["./a", {}]', {}, '$include must be the path of a file, or a list', '(line 3)'],
    [
      '$include: "./a"',
      { [at('a')]: '{\n\n docker: { imagee: "x" } }' },
      'did you mean "image"?',
      `at agents.defaults.sandbox.docker.imagee (line 3 of ${at('a')})`,
    ],
    [
      '$include: "./a"',
      { [at('a')]: `{\n mode: ${secret} }` },
      'this is not JSON5: unexpected "s"',
      `at agents.defaults.sandbox (line 2 of ${at('a')})`,
    ],
    [
      '$include: "./a"',
      { [at('a')]: '{ docker: { $include: "./b" } }', [at('b')]: '{\n env: { $include: "./a" } }' },
      `$include leads back to "${at('a')}"`,
      `docker.env.$include (line 2 of ${at('b')})`,
    ],
    [
      '$include: "./config.json5"',
      {},
      `$include leads back to "${usual}"`,
      'sandbox.$include (line 3)',
    ],
    [
      '$include: "./a", mode: "all"',
      { [at('a')]: '["x"]' },
      '$include stands beside other keys, and what it includes is no object',
      'sandbox.$include (line 3)',
    ],
    ['$include: "./a"', { [at('a')]: '"x"' }, 'sandbox must be an object, not "x"', at('a')],
  ])('%s with %j', async (text, files, what, where) => {
    const { message } = await refusal([], { config: sandbox(text), files })
    expect(message).toContain(what)
    expect(message).toContain(where)
  })

  test('a chain that is too long, and what is too deep', async () => {
    const next = (n: number) => `{ $include: "./${n + 1}" }`
    const files = Object.fromEntries([...Array(20).keys()].map((n) => [at(`${n}`), next(n)]))
    const chain = await refusal([], { config: '{ $include: "./0" }', files })
    expect(chain.message).toContain('more than 10 files include one another')
    const deep = `${'{a: '.repeat(150)}1${'}'.repeat(150)}`
    const given = { [at('a')]: `{ b: ${deep.replace('1', '{ $include: "./b" }')} }` }
    const config = '{ tools: { sandbox: { $include: "./a" } } }'
    const { message } = await refusal([], { config, files: { ...given, [at('b')]: deep } })
    expect(message).toContain('nested too deeply')
  })

  test('a warning', async () => {
    const files = { [at('a')]: '{\n browser: {} }' }
    const { warnings } = await resolved([], { config: sandbox('$include: "./a"'), files })
    expect(warnings).toEqual([expect.stringContaining(`line 2 of ${at('a')}`)])
  })

  test('a key that is there twice, where what is around it is in other files too', async () => {
    const twice = '{\n mode: "off",\n mode: "all" }'
    const beside = await resolved([], {
      config: sandbox('$include: "./a",\n mode: "non-main"'),
      files: { [at('a')]: twice },
    })
    const places = [expect.stringContaining(`sandbox.mode, line 3 of ${at('a')}`)]
    expect(beside.warnings).toEqual(places)
    const listed = await resolved(['--agent', 'a'], {
      config: `{ agents: {\n $include: "./a", list: [{ id: "b",\n sandbox: ${twice} }] } }`,
      files: { [at('a')]: '{ list: [{ id: "a" }] }' },
    })
    expect(listed.warnings).toEqual([expect.stringContaining(`mode, line 5 of ${usual}`)])
  })
})

describe('leads into the directory of the settings', () => {
  test.each(['/etc/a.json5', '../a.json5', './../sandbox-mcp-2/a.json5', 'sub/../../a.json5'])(
    'and not elsewhere: %s',
    async (name) => {
      const path = resolve(directory, name)
      const config = `{ agents: { $include: "${name}" } }`
      const { message } = await refusal([], { config, files: { [path]: '{}' } })
      expect(message).toContain(`the included file "${path}" is refused: it is outside of`)
      expect(message).toContain(`"${directory}"; put it there, or name its directory in OPEN`)
    },
  )

  test('also from a file below it, and from where OPENCLAW_INCLUDE_ROOTS says', async () => {
    const config = '{ agents: { $include: "sub/a" } }'
    const files = {
      [at('sub/a')]: '{ defaults: { $include: "../b" } }',
      [at('b')]: '{ sandbox: { $include: "/home/me/shared/c" } }',
      '/home/me/shared/c': '{ scope: "session" }',
    }
    for (const roots of ['~/shared', ':/home/me/shared/:/x', '/home/me']) {
      const env = { OPENCLAW_INCLUDE_ROOTS: roots }
      expect((await resolved([], { config, files, env })).settings.scope).toBe('session')
    }
    for (const roots of ['shared', '~/share', '/home/me/shared/c/d', '']) {
      const { message } = await refusal([], {
        config,
        files,
        env: { OPENCLAW_INCLUDE_ROOTS: roots },
      })
      expect(message).toContain('the included file "/home/me/shared/c" is refused')
    }
  })
})
