/** An attendant of this machine that is perl, where shortcuts are taken from the first request on. */
import { execFileSync } from 'node:child_process'
import { openGuard } from '../../src/guard/guard.ts'
import { Attendant } from '../../src/scripts/attendant.ts'
import { treePath } from '../../src/tree.ts'
import { statShortcut } from '../../src/trees/sandbox-shortcuts.ts'
import { type ScriptRunner, treeFunctions } from '../../src/trees/sandbox-tree.ts'
import { treeShortcuts } from '../../src/trees/sandbox-tree-perl.ts'
import { localSandbox } from './local-sandbox.ts'

const never = new AbortController().signal

/** What says that a shortcut has declined: the script that should do it instead. */
export const declined = 9

/** Whether a perl is here, and all of it. */
export const hasPerl = (() => {
  try {
    execFileSync('perl', ['-MTime::HiRes', '-MDigest::SHA', '-e', '1'])
    return true
  } catch {
    return false
  }
})()

export interface PerlAttendant {
  readonly run: ScriptRunner
  /** Takes the shortcut only: exit code `declined` where a script would be needed. */
  readonly shortcutOnly: ScriptRunner
  close(): Promise<void>
}

export async function perlAttendant(): Promise<PerlAttendant> {
  const sandbox = localSandbox()
  const guard = await openGuard(sandbox, never)
  const attendant = new Attendant(guard, treeShortcuts)
  const run: ScriptRunner = (
    script,
    stdin,
    signal = never,
    functions = treeFunctions,
    shortcut = undefined,
  ) => attendant.run({ script, stdin, signal, functions, shortcut })
  const stat = statShortcut('/', treePath('tmp'))
  const script = `exit ${declined}`
  // Until it has started, and again after a script that failed with its stdin, a runner takes what comes.
  const ready = async () => {
    while ((await run(script, undefined, never, treeFunctions, stat)).code !== 0);
  }
  const shortcutOnly: ScriptRunner = async (_script, ...rest) => {
    await ready()
    return run(script, ...rest)
  }
  const close = async () => {
    await guard.close()
    await sandbox.quiet()
    sandbox.remove()
  }
  await ready()
  return { run, shortcutOnly, close }
}
