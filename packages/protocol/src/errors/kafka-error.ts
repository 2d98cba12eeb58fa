/**
 * The root of every error that Odradek throws. Users match on `code`; `instanceof` works too, also
 * across the two copies (ES module and CommonJS) that one process may load, because the classes are
 * recognised by a brand and not by identity.
 */
const brands = Symbol.for('odradek.error.brands')

export interface KafkaErrorOptions {
  readonly cause?: unknown
}

export abstract class KafkaError extends Error {
  /** What happened, as a word to match on: Kafka's own name for errors that a broker reported. */
  abstract readonly code: string
  /** Whether the same call may succeed when it is tried again. */
  abstract readonly retriable: boolean
  readonly [brands]: readonly string[]

  protected constructor(message: string, options: KafkaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const names: string[] = []
    for (let type = new.target as unknown; isNamed(type); type = Object.getPrototypeOf(type)) {
      if (type.name === 'Error') break
      names.push(type.name)
    }
    this[brands] = names
    Object.defineProperty(this, brands, { enumerable: false })
    this.name = names[0] ?? 'KafkaError'
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null || !(brands in value)) return false
    // `this` is the class on the right of `instanceof`, whichever copy of the package it is from.
    return (value as KafkaError)[brands].includes(this.name)
  }
}

function isNamed(value: unknown): value is { readonly name: string } {
  return typeof value === 'function' && value.name !== ''
}
