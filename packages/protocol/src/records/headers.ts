/**
 * Headers of a record: an ordered list, because Kafka allows a name twice and a value of null.
 * Names are data and never become property names, so `__proto__` is a name like any other.
 */
import { ProtocolError } from '../errors/protocol-error.ts'

export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

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

  toJSON(): readonly (readonly [string, string | null])[] {
    return this.#list.map(({ key, value }) => [key, value === null ? null : value.toString()])
  }
}

export const NO_HEADERS = new Headers([])

/** Reads `count` headers from `buffer[start, end)`. */
export function readHeaders(buffer: Buffer, start: number, end: number, count: number): Headers {
  if (count === 0) return NO_HEADERS
  const list: Header[] = []
  let at = start
  const length = (): number => {
    let raw = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) break
      const byte = buffer[at++]!
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
    throw new ProtocolError('A record header has no valid length', { offset: at })
  }
  const take = (size: number): Buffer => {
    if (size > end - at) {
      throw new ProtocolError('A record header ends too early', { offset: at })
    }
    const bytes = buffer.subarray(at, at + size)
    at += size
    return bytes
  }
  for (let index = 0; index < count; index++) {
    const keySize = length()
    if (keySize < 0) throw new ProtocolError('A record header has no name', { offset: at })
    const key = take(keySize).toString('utf8')
    const valueSize = length()
    list.push({ key, value: valueSize < 0 ? null : take(valueSize) })
  }
  return new Headers(list)
}
