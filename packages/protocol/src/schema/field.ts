/**
 * The language in which Kafka's messages are declared. A field is data: its wire type and the
 * options that Kafka's own definitions have (versions, nullable versions, default, tag,
 * ignorable). From it follow, without another word: the type of a decoded message, the type of
 * what one may hand in for encoding, a codec per version, fuzzers and documentation.
 *
 * int64 comes in three shapes, because JavaScript has no one type that fits them all: `int64` is
 * an exact bigint (producer ids), `safeInt64` a number that must be a safe integer (offsets,
 * sizes, durations), `timestamp` a number that saturates, so that a strange timestamp never fails
 * a decode. Encoders take a number or a bigint for each.
 */
export interface FieldOptions {
  /** The message versions that have the field; all of them when absent. */
  readonly versions?: string
  readonly nullable?: string
  readonly default?: unknown
  /** A tagged field with this tag, in the (flexible) versions that `versions` says. */
  readonly tag?: number
  /** In versions without the field, a value other than the default is dropped, not refused. */
  readonly ignorable?: boolean
}

export type Primitive =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'safeInt64'
  | 'timestamp'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records'

export type FieldType =
  | { readonly kind: 'primitive'; readonly primitive: Primitive }
  | { readonly kind: 'array'; readonly element: AnyField }
  | { readonly kind: 'struct'; readonly fields: Fields }

/** `Decoded` is what a decoder gives, `Input` what an encoder takes. */
export interface Field<Decoded, Input, Needed extends boolean> {
  readonly type: FieldType
  readonly options: FieldOptions
  /** Only for inference; never set. */
  readonly decoded?: Decoded
  readonly input?: Input
  readonly needed?: Needed
}

// biome-ignore lint: the field of any type, for collections of fields.
export type AnyField = Field<any, any, boolean>
export type Fields = Readonly<Record<string, AnyField>>

export interface TaggedField {
  readonly tag: number
  readonly data: Buffer
}

/** A value without this property has no tagged fields that this client does not know. */
export interface WithUnknownTaggedFields {
  readonly unknownTaggedFields?: readonly TaggedField[] | undefined
}

export type Decoded<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer D, unknown, boolean> ? D : never
} & WithUnknownTaggedFields

type NeededKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, unknown, true> ? K : never
}[keyof F]

export type Input<F extends Fields> = {
  readonly [K in NeededKeys<F>]: F[K] extends Field<unknown, infer I, boolean> ? I : never
} & {
  readonly [K in Exclude<keyof F, NeededKeys<F>>]?: F[K] extends Field<unknown, infer I, boolean>
    ? I | undefined
    : never
} & WithUnknownTaggedFields

type OrNull<T, O> = O extends { readonly nullable: string } ? T | null : T
/** A field may be left out of an input when it has a default or is not in every version. */
type IsNeeded<O> = O extends
  | { readonly default: unknown }
  | { readonly versions: string }
  | { readonly tag: number }
  ? false
  : true

/** The options of a field that has none. */
interface None {
  readonly tag?: never
}
type Made<T, I, O> = Field<OrNull<T, O>, OrNull<I, O>, IsNeeded<O>>

function primitive<T, I = T>(name: Primitive) {
  return <const O extends FieldOptions = None>(options?: O): Made<T, I, O> => ({
    type: { kind: 'primitive', primitive: name },
    options: options ?? {},
  })
}

export const boolean = primitive<boolean>('boolean')
export const int8 = primitive<number>('int8')
export const int16 = primitive<number>('int16')
export const uint16 = primitive<number>('uint16')
export const int32 = primitive<number>('int32')
export const uint32 = primitive<number>('uint32')
export const int64 = primitive<bigint, bigint | number>('int64')
export const safeInt64 = primitive<number, number | bigint>('safeInt64')
export const timestamp = primitive<number, number | bigint>('timestamp')
export const float64 = primitive<number>('float64')
export const string = primitive<string>('string')
/** 16 bytes, as Kafka prints them: 22 characters of base64url. */
export const uuid = primitive<string>('uuid')
export const bytes = primitive<Buffer, Uint8Array>('bytes')
/**
 * Record batches: bytes (in one piece or several) that are referenced, not copied, on the way out;
 * a view on the way in.
 */
export const records = primitive<Buffer, Uint8Array | readonly Uint8Array[]>('records')

export function array<D, I, N extends boolean, const O extends FieldOptions = None>(
  element: Field<D, I, N>,
  options?: O,
): Made<readonly D[], readonly I[], O> {
  return { type: { kind: 'array', element }, options: options ?? {} }
}

export function struct<const F extends Fields, const O extends FieldOptions = None>(
  fields: F,
  options?: O,
): Made<Decoded<F>, Input<F>, O> {
  return { type: { kind: 'struct', fields }, options: options ?? {} }
}

/** The uuid that stands for "none". */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'
