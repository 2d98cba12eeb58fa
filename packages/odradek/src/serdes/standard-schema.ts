/**
 * Standard Schema (https://standardschema.dev): what zod, valibot, arktype and others have in
 * common, `schema['~standard'].validate(value)`. Such a schema stands for a serde of JSON whose
 * values are checked where they are written and where they are read. No validator is needed for
 * it: these few types are the whole of the interface.
 */
import type { Serde } from './serdes.ts'

/** A validator of version 1 of the interface; only the parts that are used. */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

export type StandardResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * How keys or values become bytes and back: by a serde, or as JSON that a schema checks. (Schemas
 * may have methods of the names `encode` and `decode`, as those of zod do: they are schemas first.)
 */
// biome-ignore lint: of any types.
export type AnySerde = Serde<any, any> | StandardSchema<any, any>

/** A schema by the types that it tells. */
export interface SchemaTypes<In, Out> {
  readonly '~standard': {
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

// biome-ignore lint: of any types.
export function isStandardSchema(one: unknown): one is StandardSchema<any, any> {
  if ((typeof one !== 'object' && typeof one !== 'function') || one === null) return false
  const standard = (one as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}

export function isSerde(one: unknown): string | undefined {
  if (isStandardSchema(one)) return undefined
  const { encode, decode } = (one ?? {}) as Partial<Serde<unknown>>
  return typeof encode === 'function' && typeof decode === 'function'
    ? undefined
    : 'a serde ({ encode, decode }: string, bytes, json(), ...) or a Standard Schema validator'
}

// biome-ignore lint: of any types.
export function serdeOf(given: AnySerde | undefined): Serde<any, any> | undefined {
  return isStandardSchema(given) ? jsonOf(given) : given
}

/**
 * Values of the schema as JSON. What is written is checked as it is given (what the schema makes
 * of it is made by whoever reads); what is read comes out as the schema makes it, with its
 * defaults and transformations.
 */
export function jsonOf<In, Out>(schema: StandardSchema<In, Out>): Serde<In, Out> {
  return {
    encode: (value) => {
      validate(schema, value)
      return JSON.stringify(value)
    },
    decode: (bytes) => validate(schema, JSON.parse(bytes.toString('utf8'))),
  }
}

function validate<Out>(schema: StandardSchema<unknown, Out>, value: unknown): Out {
  const { validate: check, vendor } = schema['~standard']
  const result = check(value)
  if (result instanceof Promise) {
    result.catch(() => undefined)
    throw new TypeError(
      `The schema (${vendor}) validates asynchronously. Records are read and written without a ` +
        'wait for each, so only what validates at once can be used here.',
    )
  }
  if (result.issues === undefined) return result.value
  throw new TypeError(result.issues.map(textOf).join('; '))
}

function textOf({ message, path }: StandardIssue): string {
  if (path === undefined || path.length === 0) return message
  const names = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return `${names.join('.')}: ${message}`
}
