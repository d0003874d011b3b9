// `npm run quickstart`: from a fresh clone to a real MCP client using real tools in a real sandbox.
// Needs Node and nothing else to begin with. `-- --backend docker|bubblewrap` and `-- --image REF`
// choose for it. Everything it makes is removed at the end.
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildServer, ensureDependencies, root } from './machine/dependencies.mjs'
import { checkInterrupted, runMain } from './machine/run.mjs'
import { bold, dim, done, failed, green, red, say } from './machine/say.mjs'
import { clientSettings } from './quickstart/client-settings.mjs'
import { chooseEngine } from './quickstart/engine.mjs'
import { clearLeftovers } from './quickstart/leftovers.mjs'

await runMain(async () => {
  const options = { backend: { type: 'string' }, image: { type: 'string' } }
  const { values: wishes } = parseArgs({ options })
  say(`${bold('sandbox-mcp quickstart')}\n`)
  await ensureDependencies()
  await buildServer()
  const choice = await chooseEngine(wishes)
  checkInterrupted()

  const folder = makeFolder()
  let wrong = []
  try {
    wrong = await useIt(choice, folder)
  } finally {
    try {
      if (!(await clearLeftovers(choice, join(folder, 'receipts')))) wrong.push('clean-up')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  checkInterrupted()
  if (wrong.length > 0) {
    say(`\n${red(`Not as it should be: ${wrong.join('; ')}`)}`)
    return 1
  }
  done('removed', 'the sandbox, the copy of the project and the server’s state')
  say(`\n${green('Everything was as it should be.')}\n`)
  say(clientSettings(choice.flags))
  return 0
})

/** Not every engine of a Mac or Windows sees the temporary folder; all see the home directory. */
function makeFolder() {
  const base = process.platform === 'linux' ? `${tmpdir()}/` : `${homedir()}/.`
  const folder = realpathSync(mkdtempSync(`${base}sandbox-mcp-quickstart-`))
  cpSync(join(root, 'examples/workspace'), join(folder, 'receipts'), { recursive: true })
  mkdirSync(join(folder, 'state'))
  return folder
}

/** Runs the session and resolves with the names of the steps that went wrong. */
async function useIt(choice, folder) {
  // Both need what npm installs, which a fresh clone has only by now.
  const { connect } = await import('./quickstart/session.mjs')
  const { steps } = await import('./quickstart/steps.mjs')
  const workspace = join(folder, 'receipts')
  const flags = ['--backend', choice.backend, ...(choice.image ? ['--image', choice.image] : [])]
  const args = ['dist/main.js', '--workspace', workspace, ...flags, '--ephemeral']
  say(`\n${dim(`  $ node ${args.join(' ')}`)}\n`)
  const session = await connect(args, { workspace, state: join(folder, 'state') })
  const wrong = []
  try {
    for (const [index, step] of steps.entries()) {
      checkInterrupted()
      if (!(await session.perform(index + 1, step))) wrong.push(`step ${index + 1} (${step.tool})`)
    }
  } finally {
    await session.close()
  }
  if (wrong.length > 0 && session.errors() !== '') {
    failed('server', `said on stderr:\n${session.errors()}`)
  }
  return wrong
}
