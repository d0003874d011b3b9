/** What an engine means by the errors it answers with. */

export interface EngineError extends Error {
  readonly statusCode?: number
}

/** For `catch`: undefined when the engine says that there is no such thing; other errors stay. */
export function absent(error: EngineError): undefined {
  if (error.statusCode !== 404) throw error
}

/** For `catch`: lets the given status codes pass as success; other errors stay. */
export function unless(...statusCodes: number[]): (error: EngineError) => void {
  return (error) => {
    if (!statusCodes.includes(error.statusCode ?? 0)) throw error
  }
}

/** Docker answers 409; Podman, when two ask at once, 500. */
export function isNameTaken({ statusCode, message }: EngineError): boolean {
  return statusCode === 409 || (statusCode === 500 && /name .* is already in use/.test(message))
}
