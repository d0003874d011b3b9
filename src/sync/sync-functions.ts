/** What the scripts of a sync that come all the time call: a shell that stays reads it once. */
import { recentFunction } from './recent-scripts.ts'
import { smallPushFunction } from './small-push-script.ts'

export const syncFunctions = `${recentFunction}
${smallPushFunction}`
