/** What a field's schema cannot say: whether it has an effect, and what holds when it is not given. */
import { z } from 'zod'

/** Beside a field's type and description. */
export interface Note {
  /** Why the field is accepted and has no effect. */
  readonly ignored?: string
  /** In words, where the default is not one value of `defaults.ts`. */
  readonly unset?: string
}

/** Notes by schema. */
export const notes = z.registry<Note>()

/** A field of OpenClaw's that is accepted in every shape, and warned about when it is given. */
export function ignored(why: string) {
  return z.unknown().register(notes, { ignored: why }).describe(`Has no effect: ${why}.`).optional()
}
