/** A message that is too large to be held: its bytes pass by, and what is kept of them says who is to be told. */

const [quote, backslash, colon, comma] = [0x22, 0x5c, 0x3a, 0x2c]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
/** A longer key or id is no request's. */
const wordLimit = 512

export class OversizedMessage {
  /** Of the line so far. */
  bytes = 0
  #depth = 0
  #inString = false
  #isEscaped = false
  /** The key or the value of the outermost object that is being read, as far as it is kept. */
  #word: number[] = []
  #key: string | undefined
  readonly #told = new Map<string, unknown>()

  take(chunk: Buffer): void {
    this.bytes += chunk.length
    for (const byte of chunk) this.#step(byte)
  }

  /** The id of the request that it is; undefined for what is none, and for what is no whole JSON object. */
  get requestId(): string | number | undefined {
    const [id, method] = [this.#told.get('id'), this.#told.get('method')]
    const isRequest = this.#depth === 0 && typeof method === 'string'
    return isRequest && (typeof id === 'string' || typeof id === 'number') ? id : undefined
  }

  #step(byte: number): void {
    if (this.#inString) {
      this.#keep(byte)
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === backslash) this.#isEscaped = true
      else if (byte === quote) this.#inString = false
    } else if (byte === quote) {
      this.#inString = true
      this.#keep(byte)
    } else if (byte === openBrace || byte === openBracket) {
      this.#depth += 1
      this.#word = []
    } else if (byte === closeBrace || byte === closeBracket) {
      if (this.#depth === 1) this.#tell()
      this.#depth -= 1
    } else if (byte === comma) {
      if (this.#depth === 1) this.#tell()
    } else if (byte === colon && this.#depth === 1) {
      this.#key = this.#read() as string
    } else this.#keep(byte)
  }

  #keep(byte: number): void {
    if (this.#depth === 1 && this.#word.length <= wordLimit) this.#word.push(byte)
  }

  #tell(): void {
    const value = this.#read()
    if (this.#key === 'id' || this.#key === 'method') this.#told.set(this.#key, value)
    this.#key = undefined
  }

  /** Undefined for what is no JSON, or was not kept whole. */
  #read(): unknown {
    const word = Buffer.from(this.#word).toString()
    this.#word = []
    try {
      return JSON.parse(word)
    } catch {
      return undefined
    }
  }
}
