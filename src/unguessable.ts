/**
 * What nobody can guess, for each command. Node draws the randomness of a hundred UUIDs at once, where a draw
 * for each costs a tenth of a millisecond.
 */
import { randomUUID } from 'node:crypto'

/** 30 hexadecimal digits, all of them random. */
export function unguessableHex(): string {
  const uuid = randomUUID()
  // Without the digits that tell which kind of UUID it is.
  return [
    uuid.slice(0, 8),
    uuid.slice(9, 13),
    uuid.slice(15, 18),
    uuid.slice(20, 23),
    uuid.slice(24),
  ].join('')
}

/** 22 letters, digits, `_` and `-`, of 122 random bits. */
export const unguessableId = (): string =>
  Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')
