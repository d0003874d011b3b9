/** What an engine means by the errors it answers with, and what it means that it gives no answer. */
import { backendUnavailable } from '../../errors.ts'

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

/** What helps where no engine can be reached. */
export const startEngine =
  'Start Docker (Docker Desktop, or "dockerd" as root), set DOCKER_HOST, or use --backend bubblewrap.'

const unreachable =
  /^(ENOENT|EACCES|ECONNREFUSED|ECONNRESET|EPIPE|EHOSTUNREACH|ENOTFOUND|ETIMEDOUT)$/

/** For `catch`: `BACKEND_UNAVAILABLE` when the connection failed; other errors stay. */
export function unanswered(engine: string): (error: EngineError & { code?: unknown }) => never {
  return (error) => {
    const { code, message, statusCode } = error
    if (statusCode !== undefined || !unreachable.test(String(code))) throw error
    throw backendUnavailable(`${engine} does not answer: ${message}`, startEngine, error)
  }
}
