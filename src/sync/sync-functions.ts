/** What the scripts of a sync that come all the time call: a shell that stays reads it once. */
import { pushFunction } from './push-script.ts'
import { recentFunction } from './recent-scripts.ts'

export const syncFunctions = `${recentFunction}
${pushFunction}`
