/**
 * The values of records: ASCII text (one of the peers knows strings only) that begins with the
 * record's index in four characters, so that a reader can prove cheaply that it has read every
 * record, and read each once: the number of records and the sum of their indexes are known before.
 */
const DIGIT_BITS = 6
const DIGIT_MASK = 63
const FIRST_DIGIT = 48
const INDEX_CHARACTERS = 4

/** How many different records can be told apart. */
export const MAX_RECORDS = 2 ** (DIGIT_BITS * INDEX_CHARACTERS)

/** Words as in events of a shop: compressible, but not a single repeated byte. */
const WORDS = [
  ...['"order":', '"customer":', '"total":', '"currency":"EUR",', '"status":"paid",'],
  ...['"shipped":false,', '"lines":[', '],', 'true,', 'null,', '"sku":"', '",', '{', '},'],
]

/** The value of record `index`, the same in every process. */
export function valueText(index: number, bytes: number): string {
  let text = ''
  for (let digit = 0; digit < INDEX_CHARACTERS; digit++) {
    text += String.fromCharCode(FIRST_DIGIT + ((index >> (DIGIT_BITS * digit)) & DIGIT_MASK))
  }
  let state = index
  while (text.length < bytes) {
    // A linear congruential generator: the same text in every process, engine and language.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    text += (WORDS[state % WORDS.length] ?? '') + ((state >>> 16) % 1000)
  }
  return text.slice(0, bytes)
}

/** A stock of values to send: users send what they have, they do not make it up meanwhile. */
export function valuePool(bytes: number, size = 4096): Buffer[] {
  return Array.from({ length: size }, (_, index) => Buffer.from(valueText(index, bytes)))
}

export function textPool(bytes: number, size = 4096): string[] {
  return Array.from({ length: size }, (_, index) => valueText(index, bytes))
}

/** Sum of the indexes of `count` records. */
export function checksumOf(count: number): number {
  return (count * (count - 1)) / 2
}

/** Counts what a consumer delivers; every client's handler does exactly this with each record. */
export class Tally {
  readonly #expected: number
  readonly #onFirst: () => void
  readonly #onLast: () => void
  count = 0
  checksum = 0

  constructor(expected: number, onFirst: () => void, onLast: () => void) {
    this.#expected = expected
    this.#onFirst = onFirst
    this.#onLast = onLast
  }

  get isComplete(): boolean {
    return this.count >= this.#expected
  }

  add(value: Uint8Array): void {
    this.#step(value[0]!, value[1]!, value[2]!, value[3]!) // values are never shorter
  }

  addText(value: string): void {
    this.#step(value.charCodeAt(0), value.charCodeAt(1), value.charCodeAt(2), value.charCodeAt(3))
  }

  #step(a: number, b: number, c: number, d: number): void {
    this.checksum +=
      a -
      FIRST_DIGIT +
      ((b - FIRST_DIGIT) << DIGIT_BITS) +
      ((c - FIRST_DIGIT) << (2 * DIGIT_BITS)) +
      ((d - FIRST_DIGIT) << (3 * DIGIT_BITS))
    this.count++
    if (this.count === 1) this.#onFirst()
    if (this.count === this.#expected) this.#onLast()
  }
}
