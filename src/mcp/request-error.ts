/** What is wrong with a client's request, told without knowing which SDK carries it. */

/** A longer URI is nobody's resource, and not sent back. */
const echoedLength = 64 * 1024

/** The caller's mistake: JSON-RPC -32602 with this message and data. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly data: { readonly uri: string } | undefined

  constructor(message: string, uri?: string) {
    super(message)
    this.data = uri === undefined || uri.length > echoedLength ? undefined : { uri }
  }
}
