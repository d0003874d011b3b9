/** A schema in words: what may stand somewhere, for messages and for the documentation. */
import type { z } from 'zod'
import type { Path } from '../problem.ts'
import { type Note, notes } from './note.ts'

type Schema = z.core.$ZodType

/** What zod keeps of a schema, as far as it is looked at here. */
interface Definition {
  readonly type: string
  readonly innerType?: Schema
  readonly in?: Schema
  readonly shape?: Readonly<Record<string, Schema>>
  readonly element?: Schema
  readonly valueType?: Schema
  readonly entries?: Readonly<Record<string, string>>
  readonly values?: readonly unknown[]
  readonly options?: readonly Schema[]
  readonly checks?: readonly { _zod: { def: { check: string; format?: string } } }[]
}

const definition = (schema: Schema) => schema._zod.def as unknown as Definition

/** Without what makes it optional: where notes and descriptions hang. */
function inner(schema: Schema): Schema {
  const { type, innerType } = definition(schema)
  return type === 'optional' && innerType !== undefined ? inner(innerType) : schema
}

/** Also without what turns its value into another. */
function bare(schema: Schema): Schema {
  const { type, in: input } = definition(inner(schema))
  return type === 'pipe' && input !== undefined ? bare(input) : inner(schema)
}

/** Each of the schemas of which one holds. */
function alternatives(schema: Schema): readonly Definition[] {
  const def = definition(bare(schema))
  return def.type === 'union' ? (def.options ?? []).flatMap(alternatives) : [def]
}

/** What an object's schema has, by name; undefined for other schemas. */
export function fieldsOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  return definition(bare(schema)).shape
}

/** The same, also of an object that is one of several things that may stand there. */
export function fieldsWithin(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  return alternatives(schema).find(({ shape }) => shape !== undefined)?.shape
}

/** What stands for every element of a list, or every value of a record. */
export function elementOf(schema: Schema): Schema | undefined {
  const found = alternatives(schema).map(({ element, valueType }) => element ?? valueType)
  return found.find((one) => one !== undefined)
}

/** The schema for what stands at `path`; undefined where the schema says nothing of it. */
export function schemaAt(schema: Schema, path: Path): Schema | undefined {
  let found: Schema | undefined = schema
  for (const part of path) {
    if (found === undefined) return undefined
    const fields = fieldsWithin(found)
    found =
      fields === undefined
        ? elementOf(found)
        : Object.hasOwn(fields, part)
          ? fields[part]
          : undefined
  }
  return found
}

/** What is known of a field besides its type. */
export function noteOf(schema: Schema): Note & { readonly description?: string | undefined } {
  const noted = inner(schema) as z.ZodType
  return { description: noted.description, ...notes.get(noted) }
}

/** `text`, `a whole number`, `"ro" or "rw"`, … */
export function typeWords(schema: Schema): string {
  const def = definition(bare(schema))
  switch (def.type) {
    case 'string':
      return 'text'
    case 'number':
      return def.checks?.some(({ _zod }) => _zod.def.format === 'safeint')
        ? 'a whole number'
        : 'a number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return `a list of ${def.element === undefined ? 'values' : typeWords(def.element).replace(/^an object$/, 'objects')}`
    case 'enum':
      return either(Object.values(def.entries ?? {}).map((value) => JSON.stringify(value)))
    case 'literal':
      return either((def.values ?? []).map((value) => JSON.stringify(value)))
    case 'union':
      return either([...new Set((def.options ?? []).map(typeWords))])
    case 'object':
    case 'record':
      return 'an object'
    default:
      return 'anything'
  }
}

function either(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
