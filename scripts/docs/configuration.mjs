// docs/configuration.md as text. The prose is here; every table is made from the code.
import { introduction, variablesIntroduction } from './prose.mjs'

/** The tables: where a group of settings is in a file, and how the keys of its defaults begin. */
const sections = [
  ['agents.defaults.sandbox', ''],
  ...['docker', 'bubblewrap', 'ssh', 'sync', 'prune'].map((name) => [
    `agents.defaults.sandbox.${name}`,
    `${name}.`,
  ]),
  ['plugins.entries.openshell.config', 'openshell.'],
  ['plugins.entries.openshell', 'openshell.'],
  ['tools.sandbox.tools', 'tools.'],
  ['agents.defaults', ''],
  ['agents.entries.ID', ''],
]

export function configurationPage(subject) {
  const tables = sections.map(([path, prefix]) => section(subject, path, prefix))
  const { variables, ignoredVariables } = subject
  const variableRows = variables.map(({ name, sets }) => [code(name), sets])
  variableRows.push([code('SANDBOX_ENV_NAME'), '`docker.env.NAME`, to an empty text too'])
  const reasons = [...new Set(Object.values(ignoredVariables))]
  const ignoredRows = reasons.map((why) => [
    Object.keys(ignoredVariables)
      .filter((name) => ignoredVariables[name] === why)
      .map(code)
      .join(' '),
    why,
  ])
  return `${[
    '<!-- Written by "npm run docs"; change src/config/schema/ or scripts/docs/ instead. -->',
    introduction,
    '## Settings',
    ...tables,
    variablesIntroduction,
    table(['variable', 'sets'], variableRows),
    'These have no effect, and the server says so when it starts:',
    table(['variables', 'because'], ignoredRows),
  ].join('\n\n')}\n`
}

function section(subject, path, prefix) {
  const { schemaAt, fieldsOf, configFile } = subject
  const schema = schemaAt(configFile, path.split('.'))
  // Groups have a table of their own.
  const rows = Object.entries(fieldsOf(schema))
    .filter(([, field]) => fieldsOf(field) === undefined)
    .map(([name, field]) => row(subject, name, field, prefix + name))
  return [
    `### ${code(path)}`,
    ...lines(describe(subject, schema)),
    table(['setting', 'type', 'default', ''], rows),
  ].join('\n\n')
}

function row(subject, name, field, key) {
  const { typeWords, defaults, flat } = subject
  const values = flat(defaults)
  const inner = [...values].filter(([other]) => other.startsWith(`${key}.`))
  const value =
    inner.length > 0
      ? Object.fromEntries(inner.map(([other, given]) => [other.slice(key.length + 1), given]))
      : values.get(key)
  const { ignored, unset } = subject.noteOf(field)
  const standard = ignored ? '' : value === undefined ? (unset ?? '') : code(JSON.stringify(value))
  return [code(name), typeWords(field), standard, describe(subject, field)]
}

const describe = ({ noteOf }, schema) => noteOf(schema).description ?? ''
const lines = (text) => (text === '' ? [] : [text])
const code = (text) => `\`${text}\``

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
