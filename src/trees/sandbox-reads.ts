/** What the scripts that read files of a sandbox are asked for, and what they printed. */
import type { ByteRange, FileContent, TreePath } from '../tree.ts'
import { factsOf, isExecutable } from './sandbox-facts.ts'
import { readFailed, type Told, wasEnded } from './sandbox-failure.ts'

/** Each block is a packet or two on the way, and those at both ends are sent whole. */
export function blockOf({ offset, length }: ByteRange): number {
  const isAligned = offset % largeBlock === 0 && length >= largeBlock
  return isAligned || length > 1024 * 1024 ? largeBlock : 4096
}

const largeBlock = 65_536

/** Of a file that is read together with others; what has more is read alone. */
export const gathered = { block: largeBlock, count: 2 }
export const gatheredBytes = 2 * largeBlock

/** What `readManyScript` printed; without those that have to be read alone. */
export function manyRead(
  stdout: Buffer,
  paths: readonly TreePath[],
  token: string,
): Map<TreePath, FileContent | Error> {
  const all = new Map<TreePath, FileContent | Error>()
  let from = 0
  for (const path of paths) {
    const end = stdout.indexOf(`\n${token} `, from)
    const next = stdout.indexOf('\n', end + 1) + 1
    if (end === -1 || next === 0) break
    const said = stdout.subarray(from, end)
    const code = Number(stdout.toString('latin1', end + token.length + 2, next - 1))
    from = next
    // What was ended from outside is not known.
    if (wasEnded(code)) continue
    if (code !== 0) {
      all.set(path, readFailed(path, told(code, said.toString())))
      continue
    }
    const line = said.lastIndexOf('\n')
    const { mode, size, modifiedMs } = factsOf(said.toString('latin1', line + 1))
    const bytes = Buffer.from(said.subarray(0, line))
    const whole = wholeSize(size, { offset: 0, length: gatheredBytes }, bytes.length)
    if (whole !== bytes.length || whole === gatheredBytes) continue
    all.set(path, { bytes, size: whole, modifiedMs, executable: isExecutable(mode) })
  }
  return all
}

/** Files of the kernel say 0 and have content, or say a page and have a line: what came tells more than what they say. */
export function wholeSize(said: number, { offset, length }: ByteRange, came: number): number {
  if (came === length) return Math.max(said, came && offset + came)
  return came === 0 ? Math.min(said, offset) : offset + came
}

export const told = (code: number, stdout: string, stderr = ''): Told => ({ code, stdout, stderr })
