/**
 * How keys and values become bytes and back: synchronous, so that a record costs no promise. A
 * serde that needs something first (a schema, say) gets it in `prepare`, before records are
 * touched.
 */
export interface Serde<In, Out = In> {
  /** What it throws fails the record with `ENCODE_FAILED`; it must not return a promise. */
  readonly encode: (value: In) => string | Uint8Array
  /** What it throws is given to the consumer's `onDecodeError`. Null values never get here. */
  readonly decode: (bytes: Buffer) => Out
  /** Awaited once before the first use. */
  readonly prepare?: (topic: string) => Promise<void>
}

/** UTF-8 text. */
export const string: Serde<string> = {
  encode: (value) => value,
  decode: (bytes) => bytes.toString('utf8'),
}

/** Bytes as they are; what is read is a view of the fetched bytes. */
export const bytes: Serde<Uint8Array, Buffer> = {
  encode: (value) => value,
  decode: (value) => value,
}

/** JSON, with a check of what was read if `validate` is given (it returns the value or throws). */
export function json<T>(validate?: (value: unknown) => T): Serde<T> {
  return {
    encode: (value) => JSON.stringify(value),
    decode: (data) => {
      const value: unknown = JSON.parse(data.toString('utf8'))
      return validate === undefined ? (value as T) : validate(value)
    },
  }
}
