/**
 * Reads an argument list as clap does, for the commands that a version has. What clap refuses ends
 * with exit code 2 and its words.
 */
import { atLeast } from '../protocol.ts'
import { type Command, globalOptions, type Option, type Positional } from './command.ts'
import { root } from './grammar.ts'
import { firstClash, missingArguments, optionText, wrongValue } from './rules.ts'
import { nearestOption, usage } from './usage.ts'

/** What clap prints on stderr before it exits with 2. */
export class UsageError extends Error {}

export interface Parsed {
  /** From the root, `sandbox create` say. */
  readonly path: readonly Command[]
  /** By the long name: the last value, `true` for a flag. */
  readonly values: ReadonlyMap<string, string | true>
  /** By the long name or the positional's name, for what can be repeated. */
  readonly lists: ReadonlyMap<string, readonly string[]>
  /** By the long name, what was given and not taken from the environment or a default. */
  readonly given: ReadonlySet<string>
  readonly help: boolean
  readonly version: boolean
}

/** Throws `UsageError`. */
export function parse(
  args: readonly string[],
  version: string,
  env: Readonly<Record<string, string | undefined>>,
): Parsed {
  return new Parser(version).run(args, env)
}

class Parser {
  readonly #version: string
  readonly #values = new Map<string, string | true>()
  readonly #lists = new Map<string, string[]>()
  readonly #given = new Set<string>()
  /** In the order they were given, for messages. */
  readonly #order: string[] = []
  #path: Command[] = [root]
  #positional = 0

  constructor(version: string) {
    this.#version = version
  }

  run(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Parsed {
    const rest = [...args]
    for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
      if (token === '--') {
        for (const value of rest.splice(0)) this.#value(value, true)
      } else if (token.startsWith('--')) this.#long(token, rest)
      else if (token.startsWith('-') && token.length > 1) this.#short(token, rest)
      else this.#word(token, rest)
      if (this.#given.has('help') || this.#given.has('version')) break
    }
    const help = this.#given.has('help')
    const showVersion = this.#given.has('version')
    if (!help && !showVersion) this.#check()
    for (const { long, env: variable, fallback } of this.#known(globalOptions)) {
      const value = (variable === undefined ? undefined : env[variable]) || fallback
      if (!this.#values.has(long) && value !== undefined) this.#values.set(long, value)
    }
    return {
      path: this.#path,
      values: this.#values,
      lists: this.#lists,
      given: this.#given,
      help,
      version: showVersion,
    }
  }

  get #command(): Command {
    return this.#path.at(-1) ?? root
  }

  /** Local options come first: they shadow the global ones. */
  get #options(): readonly Option[] {
    return this.#known([...(this.#command.options ?? []), ...globalOptions])
  }

  #known<T extends { readonly since?: string; readonly until?: string }>(all: readonly T[]): T[] {
    return all.filter(
      ({ since, until }) =>
        (since === undefined || atLeast(this.#version, since)) &&
        (until === undefined || !atLeast(this.#version, until)),
    )
  }

  #long(token: string, rest: string[]): void {
    const [, name = '', inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(token) ?? []
    const option = this.#options.find(({ long }) => long === name)
    if (option === undefined) {
      if (!this.#takesHyphens()) throw this.#unexpected(`--${name}`)
      this.#trail(token, rest)
    } else this.#option(option, inline, rest)
  }

  #short(token: string, rest: string[]): void {
    const letters = token.slice(1)
    for (let at = 0; at < letters.length; at += 1) {
      const option = this.#options.find(({ short }) => short === letters[at])
      if (option === undefined) {
        if (!this.#takesHyphens()) throw this.#unexpected(`-${letters[at]}`)
        this.#trail(token, rest)
        return
      }
      const tail = letters.slice(at + 1)
      if (option.value !== undefined) {
        const inline = tail === '' ? undefined : tail.replace(/^=/, '')
        this.#option(option, inline, rest)
        return
      }
      this.#option(option, undefined, rest)
    }
  }

  #option(option: Option, inline: string | undefined, rest: string[]): void {
    if (option.value === undefined) {
      if (inline !== undefined) {
        throw this.#error(
          `unexpected value '${inline}' for '--${option.long}' found; no more were expected`,
        )
      }
      this.#set(option, true)
      return
    }
    let value = inline
    if (value === undefined) {
      const next = rest[0]
      const flag = next?.startsWith('-') === true && next !== '-'
      if (next !== undefined && !flag) value = rest.shift()
      else if (option.optionalValue) value = ''
      else if (flag && next !== '--' && !this.#isOption(next)) throw this.#unexpected(next)
      else {
        throw this.#error(
          `a value is required for '--${option.long} <${option.value}>' but none was supplied`,
          false,
        )
      }
    }
    const wrong = wrongValue(option, value ?? '')
    if (wrong !== undefined) throw this.#error(wrong, false)
    this.#set(option, value ?? '')
  }

  #isOption(token: string): boolean {
    return this.#options.some(
      ({ long, short }) => token.split('=')[0] === `--${long}` || token[1] === short,
    )
  }

  #set(option: Option, value: string | true): void {
    if (this.#given.has(option.long) && !option.repeat && option.overrides === undefined) {
      throw this.#error(`the argument '${optionText(option)}' cannot be used multiple times`)
    }
    if (option.overrides !== undefined) this.#values.delete(option.overrides)
    this.#given.add(option.long)
    this.#order.push(option.long)
    this.#values.set(option.long, value)
    if (option.repeat && value !== true) this.#append(option.long, value)
  }

  #word(token: string, rest: string[]): void {
    const commands = this.#known(this.#command.commands ?? [])
    if (this.#command.commands !== undefined) {
      const found = commands.find(({ name, alias }) => name === token || alias === token)
      if (found === undefined) throw this.#error(`unrecognized subcommand '${token}'`)
      this.#path.push(found)
      return
    }
    const positional = this.#next()
    if (positional?.last) throw this.#unexpected(token)
    if (positional?.trailing) this.#trail(token, rest)
    else this.#value(token, false)
  }

  #value(value: string, escaped: boolean): void {
    const positionals = this.#command.positionals ?? []
    const last = positionals.find(({ last }) => last)
    const positional = escaped && last !== undefined ? last : this.#next()
    if (positional === undefined) throw this.#unexpected(value)
    this.#append(positional.name, value)
    if (!this.#given.has(positional.name)) this.#order.push(positional.name)
    this.#given.add(positional.name)
    if (!positional.repeat) this.#positional += 1
  }

  #takesHyphens(): boolean {
    return this.#next()?.trailing === true
  }

  /** From here on everything belongs to the command that is to be run. */
  #trail(token: string, rest: string[]): void {
    for (const value of [token, ...rest.splice(0)]) this.#value(value, true)
  }

  #next(): Positional | undefined {
    return this.#command.positionals?.[this.#positional]
  }

  #append(name: string, value: string): void {
    const list = this.#lists.get(name)
    if (list === undefined) this.#lists.set(name, [value])
    else list.push(value)
  }

  #check(): void {
    const { options = [], positionals = [] } = this.#command
    const known = this.#known(options)
    const clash = firstClash(known, this.#order)
    if (clash !== undefined) {
      const [one, other] = clash.map((name) => this.#shown(name))
      throw this.#error(`the argument '${one}' cannot be used with '${other}'`)
    }
    const missing = missingArguments(known, positionals, this.#given)
    if (missing.length === 0) return
    const lines = missing.map((text) => `  ${text}`).join('\n')
    throw this.#error(`the following required arguments were not provided:\n${lines}`)
  }

  #shown(name: string): string {
    const option = this.#options.find(({ long }) => long === name)
    return option === undefined ? `[${name}]...` : optionText(option)
  }

  #unexpected(shown: string): UsageError {
    const takesValues = this.#command.positionals !== undefined
    const similar = shown.startsWith('--')
      ? nearestOption(shown.slice(2), this.#options)
      : undefined
    const tips = [
      ...(similar === undefined ? [] : [`  tip: a similar argument exists: '--${similar}'`]),
      ...(takesValues && shown.startsWith('-')
        ? [`  tip: to pass '${shown}' as a value, use '-- ${shown}'`]
        : []),
    ]
    const tip = tips.length === 0 ? '' : `\n\n${tips.join('\n')}`
    return this.#error(`unexpected argument '${shown}' found${tip}`)
  }

  #error(message: string, withUsage = true): UsageError {
    const shown = withUsage ? `\n\n${usage(this.#path)}` : ''
    return new UsageError(`error: ${message}${shown}\n\nFor more information, try '--help'.\n`)
  }
}
