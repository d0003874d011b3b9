/** What the test process can tell the gateway to do. */
import type { Knobs } from '../protocol.ts'

export type Order =
  | { readonly do: 'set'; readonly knobs: Partial<Knobs> }
  | { readonly do: 'up' | 'down' | 'drop' | 'killProxy' | 'connections' | 'close' }
  | { readonly do: 'restart'; readonly downMs: number }
  | { readonly do: 'fail'; readonly name: string; readonly condition: string }
  | { readonly do: 'lose'; readonly name: string }
