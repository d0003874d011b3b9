/** Runs once before all tests. The machine itself is prepared by `npm test` (scripts/test.mjs). */
export default function setup(): void {}
