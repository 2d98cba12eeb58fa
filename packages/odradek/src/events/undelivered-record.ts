/** A record that `write` could not deliver, to be kept, logged or sent elsewhere. */
export interface UndeliveredRecord {
  readonly topic: string
  /** Null when none was chosen yet. */
  readonly partition: number | null
  /** The encoded bytes, or what was given when it was never encoded. */
  readonly key: unknown
  readonly value: unknown
  readonly headers: readonly (readonly [string, string | Uint8Array | null])[]
  readonly timestamp: number | null
}
