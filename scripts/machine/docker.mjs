// The little of the Docker Engine API that preparing a machine takes, over node:http alone: the
// docker command need not be installed, and nothing need be installed from npm yet.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'
import { connection, dockerHosts } from './docker-hosts.mjs'

/** The first engine that answers, as `{ engine }`, else `{ problem }`. */
export async function findEngine() {
  const silent = []
  for (const host of dockerHosts()) {
    try {
      const engine = new Engine(host)
      const version = await engine.json('GET', '/version', { timeoutMs: 10_000 })
      engine.version = version.Version
      engine.arch = version.Arch
      engine.product = /podman/i.test(JSON.stringify(version.Components)) ? 'Podman' : 'Docker'
      return { engine }
    } catch (error) {
      const why =
        error.code === 'EACCES' ? 'only root or its group may' : (error.code ?? error.message)
      silent.push(`${host} (${why})`)
    }
  }
  return { problem: `no Docker daemon answers at ${silent.join(', ')}` }
}

class Engine {
  #connection

  constructor(host) {
    this.host = host
    this.#connection = connection(host)
  }

  async hasImage(ref) {
    const response = await this.#request('GET', `/images/${ref}/json`)
    response.resume()
    if (response.statusCode === 200) return true
    if (response.statusCode === 404) return false
    throw new Error(`the engine answered ${response.statusCode} when asked for ${ref}`)
  }

  /** Makes an image of one layer from a tar stream; `changes` are Dockerfile lines such as ENV. */
  async importImage(ref, tar, changes) {
    // With its tag in it, because Podman overlooks a tag that stands apart.
    const query = new URLSearchParams({ fromSrc: '-', repo: ref })
    for (const change of changes) query.append('changes', change)
    await this.#stream('POST', `/images/create?${query}`, { body: tar })
  }

  /** Builds an image from a tar stream with a Dockerfile at its top. */
  async buildImage(ref, tar) {
    await this.#stream('POST', `/build?${new URLSearchParams({ t: ref, rm: '1' })}`, { body: tar })
  }

  /** Pulls an image; gives up when the engine has been silent for `silenceMs`. */
  async pull(ref, silenceMs) {
    const [image, tag] = ref.split(':')
    const query = new URLSearchParams({ fromImage: image, tag })
    await this.#stream('POST', `/images/create?${query}`, { timeoutMs: silenceMs })
  }

  async containers(label) {
    const filters = JSON.stringify({ label: [label] })
    return this.json('GET', `/containers/json?${new URLSearchParams({ all: '1', filters })}`)
  }

  async removeContainer(id) {
    const response = await this.#request('DELETE', `/containers/${id}?force=1&v=1`)
    response.resume()
  }

  async json(method, path, options) {
    const response = await this.#request(method, path, options)
    const text = await textOf(response)
    if (response.statusCode >= 300) throw new Error(messageOf(text))
    return JSON.parse(text)
  }

  /** A request whose answer is a line of JSON for each thing done, where an error is one more line. */
  async #stream(method, path, options) {
    const response = await this.#request(method, path, options)
    const text = await textOf(response)
    if (response.statusCode >= 300) throw new Error(messageOf(text))
    const error = text.split('\n').find((line) => line.startsWith('{"error'))
    if (error !== undefined) throw new Error(messageOf(error))
  }

  async #request(method, path, { body, timeoutMs = 600_000 } = {}) {
    const { secure, ...address } = this.#connection
    const request = (secure ? https : http).request({
      ...address,
      method,
      path,
      headers: body === undefined ? {} : { 'Content-Type': 'application/x-tar' },
    })
    request.setTimeout(timeoutMs, () => {
      request.destroy(new Error(`no answer within ${Math.round(timeoutMs / 1000)} s`))
    })
    const answered = once(request, 'response')
    if (body === undefined) request.end()
    else pipeline(body, request).catch((error) => request.destroy(error))
    const [response] = await answered
    return response
  }
}

async function textOf(response) {
  const parts = []
  for await (const part of response) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

function messageOf(text) {
  try {
    const { message, error } = JSON.parse(text)
    return message ?? error ?? text
  } catch {
    return text
  }
}
