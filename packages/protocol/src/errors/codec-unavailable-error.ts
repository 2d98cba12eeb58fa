import { KafkaError, type KafkaErrorOptions } from './kafka-error.ts'

export interface CodecUnavailableErrorOptions extends KafkaErrorOptions {
  readonly codec: string
  readonly packageName: string
}

/**
 * A record batch is compressed (or is to be compressed) with a codec whose package cannot be loaded
 * here. `cause` is the loader's own error.
 */
export class CodecUnavailableError extends KafkaError {
  readonly code = 'CODEC_UNAVAILABLE'
  readonly retriable = false
  /** The codec as `compressionType` names it. */
  readonly codec: string
  /** The npm package that holds the codec. */
  readonly packageName: string

  constructor({ codec, packageName, cause }: CodecUnavailableErrorOptions) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0]
    super(
      `The ${codec} codec cannot be loaded from the package "${packageName}" (${reason}). ` +
        `Install it for this platform, its optional dependencies included: npm install ` +
        `${packageName} (without --omit=optional). In a bundle, keep "${packageName}" external ` +
        'and ship it beside the bundle.',
      { cause },
    )
    this.codec = codec
    this.packageName = packageName
  }
}
