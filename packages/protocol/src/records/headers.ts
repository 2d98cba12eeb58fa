/**
 * Headers of a record: an ordered list, because Kafka allows a name twice and a value of null.
 * Names are data and never become property names, so `__proto__` is a name like any other.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { readVarint, varintEnd } from './varint.ts'

/** One header of a record. */
export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

/**
 * The headers of a record, in their order: iterate them, or read one with `get` (the last of its
 * name) or `getAll`. Values are `Buffer`s, or null.
 *
 * @example
 * const trace = record.headers.get('trace')?.toString()
 */
export class Headers implements Iterable<Header> {
  readonly #list: readonly Header[]

  constructor(list: readonly Header[]) {
    this.#list = list
  }

  get length(): number {
    return this.#list.length
  }

  /** The value of the last header with this name, as Java's `lastHeader`; undefined without one. */
  get(key: string): Buffer | null | undefined {
    for (let index = this.#list.length - 1; index >= 0; index--) {
      const header = this.#list[index]!
      if (header.key === key) return header.value
    }
    return undefined
  }

  /** The values of all headers with this name, in order. */
  getAll(key: string): readonly (Buffer | null)[] {
    return this.#list.filter((header) => header.key === key).map((header) => header.value)
  }

  has(key: string): boolean {
    return this.#list.some((header) => header.key === key)
  }

  [Symbol.iterator](): Iterator<Header> {
    return this.#list[Symbol.iterator]()
  }

  /** As a map prints, with values as text: `Headers { 'trace' => 'abc' }`. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    const shown = this.toJSON().map(
      ([key, value]) => `${inspect(key, options)} => ${inspect(value, options)}`,
    )
    return shown.length === 0 ? 'Headers {}' : `Headers { ${shown.join(', ')} }`
  }

  toJSON(): readonly (readonly [string, string | null])[] {
    return this.#list.map(({ key, value }) => [key, value === null ? null : value.toString()])
  }
}

export const NO_HEADERS = new Headers([])

/** Reads `count` headers from `buffer[start, end)`, which is exactly what they fill. */
export function readHeaders(buffer: Buffer, start: number, end: number, count: number): Headers {
  if (count === 0) return NO_HEADERS
  const list: Header[] = []
  let at = start
  for (let index = 0; index < count; index++) {
    const keyStart = varintEnd(buffer, at)
    const keyEnd = keyStart + readVarint(buffer, at)
    if (keyEnd < keyStart) fail('A record header has no name', at)
    if (keyEnd >= end) fail('A record header ends too early', at)
    const valueStart = varintEnd(buffer, keyEnd)
    const valueSize = readVarint(buffer, keyEnd)
    at = valueSize < 0 ? valueStart : valueStart + valueSize
    if (at > end) fail('A record header ends too early', keyEnd)
    list.push({
      key: buffer.toString('utf8', keyStart, keyEnd),
      value: valueSize < 0 ? null : buffer.subarray(valueStart, at),
    })
  }
  if (at !== end) fail('Bytes follow the last header of a record', at)
  return new Headers(list)
}

function fail(message: string, offset: number): never {
  throw new ProtocolError(message, { offset, code: 'CORRUPT_MESSAGE' })
}
