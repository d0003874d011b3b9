/** Paths as settings name them. */
import { z } from 'zod'

/** On POSIX; inside a sandbox all are. */
export const absolutePath = () => z.string().regex(/^\//, { error: 'must be an absolute path' })

/** Absolute, or below the home directory. */
export const homePath = () =>
  z.string().regex(/^(\/|~\/)/, { error: 'must be an absolute path or begin with ~/' })
