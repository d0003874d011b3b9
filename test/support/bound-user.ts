/** What permissions keep from everybody but a superuser, who may be the one that runs the tests. */
import { execFileSync } from 'node:child_process'

const boundUser = 1001

/** Runs `run` as a user whom permissions bind, to whom all of `directory` is given. */
export async function asBoundUser<T>(directory: string, run: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return run()
  execFileSync('chown', ['-R', `${boundUser}`, directory])
  process.seteuid?.(boundUser)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}
