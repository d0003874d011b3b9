/**
 * Imported before any shape is made: zod then compiles no code for them. For messages of a few fields that
 * is no quicker, and the first answer would wait for it.
 */
import { config } from 'zod'

config({ jitless: true })
