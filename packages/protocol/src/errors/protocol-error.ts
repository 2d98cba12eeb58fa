import { KafkaError, type KafkaErrorOptions } from './kafka-error.ts'

export interface ProtocolErrorOptions extends KafkaErrorOptions {
  /** The field that could not be read or written: `topics[3].partitions[0].leader`. */
  readonly path?: string | undefined
  /** Where in the bytes it went wrong. */
  readonly offset?: number | undefined
  /** Whether another response may make sense; false by default. */
  readonly retriable?: boolean | undefined
  readonly code?: 'MALFORMED' | 'UNSUPPORTED_VERSION' | 'CORRUPT_MESSAGE' | 'TOO_LARGE' | undefined
}

/**
 * Bytes make no sense, or two versions have nothing in common. Nothing else is ever thrown by
 * decoding, whatever the bytes; a connection that sees one is closed.
 */
export class ProtocolError extends KafkaError {
  readonly code: 'MALFORMED' | 'UNSUPPORTED_VERSION' | 'CORRUPT_MESSAGE' | 'TOO_LARGE'
  readonly retriable: boolean
  readonly path: string | undefined
  readonly offset: number | undefined
  readonly #detail: string

  constructor(message: string, options: ProtocolErrorOptions = {}) {
    const where = [
      options.path === undefined ? '' : ` in ${options.path}`,
      options.offset === undefined ? '' : ` at byte ${options.offset}`,
    ].join('')
    super(`${message}${where}`, options)
    this.code = options.code ?? 'MALFORMED'
    this.retriable = options.retriable ?? false
    this.path = options.path
    this.offset = options.offset
    this.#detail = message
  }

  /** The same error, seen from the field or message around it. */
  within(parent: string): ProtocolError {
    const { path, offset, code, cause, retriable } = this
    const joined =
      path === undefined ? parent : `${parent}${path.startsWith('[') ? '' : '.'}${path}`
    return new ProtocolError(this.#detail, {
      path: joined,
      offset,
      code,
      cause,
      retriable,
    })
  }
}
