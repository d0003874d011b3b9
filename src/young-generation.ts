/**
 * How much memory V8 gives to objects that are young, in this process. Pieces of a command's output are a few
 * dozen kilobytes each outside of the heap, and go with the next collection of what is young. By default V8 lets
 * that wait until there are 16 MB of young objects, 64 since Node 24; a server then grows by tens of megabytes
 * that nothing is in.
 */
import { setFlagsFromString } from 'node:v8'

/** It stays as small as it is now, which is 1 MB at a start. */
export const keepYoungGenerationSmall = () => growBy(1)

/** For work that makes many objects that live on: collecting often copies them once more. */
export const letYoungGenerationGrow = () => growBy(2)

/** The only one of V8's sizes that it reads at each collection; 2 is its default. */
const growBy = (factor: number) => setFlagsFromString(`--semi-space-growth-factor=${factor}`)
