/** The ways a stdio session ends: the SDK's transport notices none of them. */

/** Resolves with the reason: stdin ended, stdout broke, or a signal asked. */
export function endOfStdio(): Promise<string> {
  return new Promise((resolve) => {
    process.stdin.once('end', () => resolve('stdin ended'))
    process.stdin.once('close', () => resolve('stdin was closed'))
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      resolve(`stdout broke (${error.code})`)
    })
    // Nobody is left to read a log either.
    process.stderr.on('error', () => {})
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      // It stays: handlers of libraries (execa's) end the process at once when they find no other.
      process.on(signal, () => resolve(signal))
    }
    // Every pending large response waits for "drain" with a listener of its own.
    process.stdout.setMaxListeners(0)
  })
}
