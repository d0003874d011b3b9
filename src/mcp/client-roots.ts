/** What a client says of where its user works. */

export interface ClientRoots {
  /**
   * Its roots, as URIs, the first one first. None for a client that has none to tell, fails to, or does
   * not answer within two seconds. Never rejects.
   */
  list(): Promise<readonly string[]>
}

/** A client without roots. */
export const noRoots: ClientRoots = { list: async () => [] }
