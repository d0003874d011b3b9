/** What the gateway refuses before it acts, in its words. Nothing is bounded as tightly before 0.0.88. */
import { atLeast, type CreateRequest, type ExecRequest, Status } from '../protocol.ts'

type Map = Readonly<Record<string, string>>

const refuse = (message: string) => new Status('InvalidArgument', message)

/** The name of a sandbox or a workspace. */
export function validateName(name: string, field: string, version: string): void {
  if (!atLeast(version, '0.0.88')) {
    if (name.length > 253) throw refuse(`${field} exceeds maximum length (${name.length} > 253)`)
    return
  }
  if (name.length > 19) throw refuse(`${field} exceeds maximum length (${name.length} > 19)`)
  if (!/^[a-z0-9-]*$/.test(name)) {
    throw refuse(`${field} must contain only lowercase alphanumeric characters or hyphens`)
  }
  if (/^-|-$/.test(name)) throw refuse(`${field} must not start or end with a hyphen`)
  if (name.includes('--')) throw refuse(`${field} must not contain consecutive hyphens`)
}

export function validateCreate(request: CreateRequest, version: string): void {
  validateName(request.name, 'name', version)
  if (request.providers.length > 32) {
    throw refuse(`providers list exceeds maximum (${request.providers.length} > 32)`)
  }
  validateMap(request.environment, 128, 'spec.environment')
  validateEnv(request.environment, 'spec.environment')
  if (request.image.length > 1024) {
    throw refuse(`template.image exceeds maximum length (${request.image.length} > 1024)`)
  }
  for (const [key, value] of Object.entries(request.labels)) {
    validateLabelKey(key)
    validateLabelValue(value)
  }
  const [program, ...rest] = request.command
  if (program === '') throw refuse('spec.command[0] must not be empty')
  if (rest.length >= 256) throw refuse('spec.command exceeds 256 argument limit')
  const paths = request.policy?.filesystem_policy
  const unsafe = [...(paths?.read_only ?? []), ...(paths?.read_write ?? [])].find(
    (path) => !path.startsWith('/') || path.split('/').includes('..') || path.length > 4096,
  )
  if (unsafe !== undefined) {
    throw refuse(`policy contains unsafe content: path must be absolute without '..': ${unsafe}`)
  }
  if (paths?.read_write?.includes('/')) {
    throw refuse("policy contains unsafe content: read_write must not contain '/'")
  }
}

export function validateExec(request: ExecRequest): void {
  if (request.command.length === 0) throw refuse('command is required')
  if (request.command.length > 1024) throw refuse('command array exceeds 1024 argument limit')
  const limit = 32 * 1024
  request.command.forEach((argument, at) => {
    if (argument.length > limit) throw refuse(`command argument ${at} exceeds ${limit} byte limit`)
    if (argument.includes('\0')) throw refuse(`command argument ${at} contains null bytes`)
  })
  for (const [key, value] of Object.entries(request.environment)) {
    if (value.length > limit) {
      throw refuse(`environment value for '${key}' exceeds ${limit} byte limit`)
    }
  }
  validateEnv(request.environment, 'environment')
  if (request.workdir.length > 4096) throw refuse('workdir exceeds 4096 byte limit')
  rejectLineEnds(request.workdir, 'workdir')
}

function validateMap(map: Map, most: number, field: string): void {
  const entries = Object.entries(map)
  if (entries.length > most) {
    throw refuse(`${field} exceeds maximum entries (${entries.length} > ${most})`)
  }
  for (const [key, value] of entries) {
    if (key.length > 256) throw refuse(`${field} key exceeds maximum length (${key.length} > 256)`)
    if (value.length > 8192) {
      throw refuse(`${field} value exceeds maximum length (${value.length} > 8192)`)
    }
  }
}

function validateEnv(map: Map, field: string): void {
  for (const [key, value] of Object.entries(map)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      throw refuse(`${field} keys must match ^[A-Za-z_][A-Za-z0-9_]*$; got '${key}'`)
    }
    if (key.startsWith('OPENSHELL_')) {
      throw refuse(`${field} keys starting with OPENSHELL_ are reserved; got '${key}'`)
    }
    rejectLineEnds(value, `${field} value for '${key}'`)
  }
}

function rejectLineEnds(value: string, field: string): void {
  if (value.includes('\0')) throw refuse(`${field} contains null bytes`)
  if (/[\r\n]/.test(value)) {
    throw refuse(`${field} contains newline or carriage return characters`)
  }
}

const allowed = "(must be alphanumeric, '-', '_', or '.')"

function validateLabelKey(key: string): void {
  if (key === '') throw refuse('label key cannot be empty')
  if (key.length > 253) throw refuse(`label key exceeds 253 characters: '${key}'`)
  const slash = key.indexOf('/')
  const name = key.slice(slash + 1)
  if (name === '') throw refuse(`label key name segment cannot be empty: '${key}'`)
  validateLabelText(name, key, 'label key name segment')
  if (slash < 0) return
  const prefix = key.slice(0, slash)
  if (prefix === '') {
    throw refuse(`label key prefix cannot be empty when '/' is present: '${key}'`)
  }
  if (!/^[a-z0-9.-]+$/.test(prefix)) {
    throw refuse(
      `label key prefix must be a DNS subdomain (lowercase alphanumeric, '-', '.'): '${key}'`,
    )
  }
  if (/^[-.]|[-.]$/.test(prefix)) {
    throw refuse(`label key prefix cannot start or end with '-' or '.': '${key}'`)
  }
}

function validateLabelValue(value: string): void {
  if (value !== '') validateLabelText(value, value, 'label value')
}

function validateLabelText(text: string, whole: string, what: string): void {
  if (text.length > 63) throw refuse(`${what} exceeds 63 characters: '${whole}'`)
  if (!/^[\p{Alphabetic}\p{N}_.-]*$/u.test(text)) {
    throw refuse(`${what} contains invalid characters ${allowed}: '${whole}'`)
  }
  if (/^[_.-]/.test(text)) {
    throw refuse(`${what} must start with alphanumeric character: '${whole}'`)
  }
  if (/[_.-]$/.test(text)) throw refuse(`${what} must end with alphanumeric character: '${whole}'`)
}

/** `k=v,k=v` as pairs. */
export function parseSelector(selector: string): [string, string][] {
  const pairs = selector.split(',').map((pair) => pair.trim())
  const wanted = pairs.filter((pair) => pair !== '')
  if (wanted.length > 64) throw refuse('label selector exceeds 64 pair limit')
  return wanted.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 0) throw refuse(`invalid label selector: expected 'key=value', got '${pair}'`)
    const [key, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    if (key === '') throw refuse(`invalid label selector: key cannot be empty in '${pair}'`)
    validateLabelKey(key)
    validateLabelValue(value)
    return [key, value]
  })
}
