// What the quickstart does, step by step: a bug is found, fixed, and covered, and on the way every
// tool is used and every promise looked at. A step resolves with what was seen to be true.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { root } from '../machine/dependencies.mjs'
import { expect, show } from './session.mjs'

const toolNames = ['apply_patch', 'edit', 'exec', 'process', 'read', 'write']

const patch = `*** Begin Patch
*** Add File: orders/dinner.txt
+4 1250 menu
+1 5 toothpick
*** Update File: orders/lunch.txt
*** Move to: orders/monday.txt
@@
 2 450 soup
-1 680 pie
+1 680 cherry pie
 3 75 bread
*** Update File: test.sh
@@
-check "lunch" "$(total_of orders/lunch.txt)" 18.05
+check "monday" "$(total_of orders/monday.txt)" 18.05
+check "dinner" "$(total_of orders/dinner.txt)" 50.05
*** Delete File: orders/tea.txt
*** End Patch
`

/** Names that any image may have in a home directory of its own. */
const skeleton = ['.bash_logout', '.bashrc', '.profile']

const steps = [
  {
    tool: 'tools/list',
    title: '',
    async run({ client }) {
      const { tools } = await client.listTools()
      const names = tools.map(({ name }) => name).sort()
      show(names.join('  '))
      expect(names.join() === toolNames.join(), `the tools are ${toolNames.join(', ')}`, names)
      expect(
        tools.every(({ description, outputSchema }) => description && outputSchema),
        'each has a description and an output schema',
        tools,
      )
      return `${names.length} tools`
    },
  },
  {
    tool: 'exec',
    title: 'uname -s; pwd; ls',
    async run({ run }) {
      const output = await run('uname -s; pwd; ls', 0)
      expect(output.includes('receipt.sh'), 'the project is there', output)
      return 'a Linux of its own, with the project in it'
    },
  },
  {
    tool: 'exec',
    title: 'ls -A "$HOME_OUTSIDE" "$CLONE"',
    async run({ run }) {
      const env = { HOME_OUTSIDE: homedir(), CLONE: root }
      // Whatever ls makes of them; what counts is what it could see.
      const output = await run('ls -A "$HOME_OUTSIDE" "$CLONE" 2>&1; exit 0', 0, { env })
      const outside = [...readdirSync(homedir()), ...readdirSync(root)]
      const listed = output.split('\n').map((line) => line.trim())
      const seen = outside.filter((name) => !skeleton.includes(name) && listed.includes(name))
      expect(seen.length === 0, 'nothing of the host’s home is visible', seen)
      return 'nothing of yours is visible inside, only what the sandbox has itself'
    },
  },
  {
    tool: 'exec',
    title: 'sh test.sh',
    async run({ run }) {
      const output = await run('sh test.sh', 1)
      expect(output.includes('3 failed'), 'three checks fail', output)
      return 'the project has a bug: exit code 1'
    },
  },
  {
    tool: 'read',
    title: 'money.sh',
    async run({ succeed }) {
      const { text } = await succeed('read', { path: 'money.sh' })
      show(text)
      expect(text.includes("printf '%d.%d\\n'"), 'the file is read', text)
      return 'cents need two digits'
    },
  },
  {
    tool: 'edit',
    title: 'money.sh: %d.%d becomes %d.%02d',
    async run({ succeed, workspace }) {
      const edits = [{ oldText: '%d.%d', newText: '%d.%02d' }]
      const { text } = await succeed('edit', { path: 'money.sh', edits })
      show(text)
      const now = hostFile(workspace, 'money.sh')
      expect(now.includes("printf '%d.%02d\\n'"), 'the host’s file is edited', now)
      return 'edited, and the host sees it'
    },
  },
  {
    tool: 'exec',
    title: 'sh test.sh',
    async run({ run }) {
      const output = await run('sh test.sh', 0)
      expect(output.includes('0 failed'), 'no check fails', output)
      return 'the bug is fixed: exit code 0'
    },
  },
  {
    tool: 'write',
    title: 'orders/tea.txt',
    async run({ succeed, run, workspace }) {
      const content = '2 280 tea\n1 300 scone\n'
      const { text } = await succeed('write', { path: 'orders/tea.txt', content })
      show(text)
      const now = hostFile(workspace, 'orders/tea.txt')
      expect(now === content, 'the host’s file has these bytes', now)
      const output = await run('sh receipt.sh orders/tea.txt', 0)
      expect(output.includes('8.60'), 'the total is 8.60', output)
      return 'written, and used by a command at once'
    },
  },
  {
    tool: 'apply_patch',
    title: 'add, move, change and delete in one',
    async run({ succeed, workspace }) {
      const { text } = await succeed('apply_patch', { input: patch })
      show(text)
      const orders = readdirSync(join(workspace, 'orders')).sort().join(' ')
      expect(orders === 'dinner.txt monday.txt', 'the orders are dinner and monday', orders)
      const monday = hostFile(workspace, 'orders/monday.txt')
      expect(monday.includes('cherry pie'), 'the moved file is changed', monday)
      return 'four files, all or none'
    },
  },
  {
    tool: 'exec',
    title: 'sh test.sh',
    async run({ run }) {
      const output = await run('sh test.sh', 0)
      expect(/ok +dinner/.test(output), 'the new check is there', output)
      return 'the new check passes too'
    },
  },
  {
    tool: 'exec',
    title: 'sh receipt.sh orders/breakfast.txt || exit 7',
    async run({ run }) {
      await run('sh receipt.sh orders/breakfast.txt || exit 7', 7)
      return 'a command that fails is a result: exit code 7'
    },
  },
  {
    tool: 'read',
    title: '../../etc/passwd',
    async run({ call }) {
      const { text, facts, isError } = await call('read', { path: '../../etc/passwd' })
      show(text)
      expect(isError, 'the call is refused', text)
      expect(facts.code === 'PATH_OUTSIDE', 'the code is PATH_OUTSIDE', facts)
      expect(Boolean(facts.hint), 'there is a hint', facts)
      return `refused: ${facts.code}`
    },
  },
  {
    tool: 'resources',
    title: 'list, then read workspace:///README.md',
    async run({ client }) {
      const uris = await allResources(client)
      show(uris.join('\n'))
      const wanted = ['README.md', 'money.sh', 'orders/monday.txt', 'receipt.sh', 'test.sh']
      const absent = wanted.filter((path) => !uris.includes(`workspace:///${path}`))
      expect(absent.length === 0, `${wanted.join(', ')} are listed`, uris)
      const { contents } = await client.readResource({ uri: 'workspace:///README.md' })
      const text = contents[0]?.text ?? ''
      expect(text.startsWith('# Receipts'), 'the README is read', text)
      return 'the files of the workspace are MCP resources'
    },
  },
]

async function allResources(client) {
  const uris = []
  let cursor
  do {
    const page = await client.listResources(cursor === undefined ? {} : { cursor })
    uris.push(...page.resources.map(({ uri }) => uri))
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return uris
}

function hostFile(workspace, path) {
  const file = join(workspace, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : '(no such file)'
}

export { steps }
