/** Runs one scenario: `node program.mjs NAME BASE`. Ends by itself only if no handle is left open. */
import { confinement } from './bubblewrap-confinement.ts'
import { lifecycle } from './bubblewrap-lifecycle.ts'
import { World } from './bubblewrap-scenario.ts'
import { sharing } from './bubblewrap-sharing.ts'
import { streams } from './bubblewrap-streams.ts'

process.on('warning', (warning) => {
  throw warning
})
const [, , scenario = '', base = ''] = process.argv
const run = { ...confinement, ...lifecycle, ...sharing, ...streams }[scenario]
if (run === undefined) throw new Error(`there is no scenario ${scenario}`)
await run(new World(base))
