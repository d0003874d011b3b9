/** What the scripts of a sync that come all the time call: a shell that stays reads it once. */

import { smallPushFunction } from './push/small-push-script.ts'
import { recentFunction } from './sandbox/recent-scripts.ts'

export const syncFunctions = `${recentFunction}
${smallPushFunction}`
