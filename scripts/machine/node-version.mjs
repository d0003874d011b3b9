// What is built runs on older Nodes than what builds it: rolldown and vitest say from which on they work.
const [wantedMajor, wantedMinor] = [20, 19]

/** Ends the program with a sentence where `what` cannot be done with this Node. */
export function requireNode(what) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  process.stderr.write(
    `${what} needs Node.js ${wantedMajor}.${wantedMinor} or newer, and this is ${process.versions.node}; ` +
      'what is built runs on 20.11 and newer. Install a newer one and run it again.\n',
  )
  process.exit(1)
}
