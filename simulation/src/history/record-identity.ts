/**
 * Records that can be told apart, and that show by themselves whether they are what was sent: the
 * value begins with the id, and everything else (key, size, filling) follows from the id.
 */
export interface IdentifiedRecord {
  readonly id: string
  readonly key: string | null
  readonly value: string
}

export interface RecordShape {
  readonly actor: string
  readonly number: number
  /** Of how many keys the record has one; 0 for no key. */
  readonly keys: number
  readonly bytes: number
}

const FILLING = 'Odradek lives for the time being on the stairs, in the corridor, in the hall. '

export function recordOf({ actor, number, keys, bytes }: RecordShape): IdentifiedRecord {
  const id = `${actor}:${number}:${keys}:${bytes}`
  return { id, key: keyOf(number, keys), value: valueOf(id, bytes) }
}

function keyOf(number: number, keys: number): string | null {
  return keys === 0 ? null : `key-${number % keys}`
}

function valueOf(id: string, bytes: number): string {
  const start = `${id}|`
  return start + FILLING.repeat(Math.ceil(bytes / FILLING.length)).slice(0, bytes)
}

/** Who was asked to send the record first, second, and so on. */
export function numberOf(id: string): number {
  return Number(id.split(':')[1])
}

export function actorOf(id: string): string {
  return id.slice(0, id.indexOf(':'))
}

export interface ReadRecord {
  readonly id: string
  readonly isIntact: boolean
}

export function readRecord(key: Uint8Array | null, value: Uint8Array | null): ReadRecord {
  const text = value === null ? '' : Buffer.from(value).toString()
  const id = text.slice(0, text.indexOf('|'))
  const [, number, keys, bytes] = id.split(':').map(Number)
  const isKnown = number !== undefined && keys !== undefined && bytes !== undefined
  if (!isKnown) return { id: text.slice(0, 40), isIntact: false }
  const expectedKey = keyOf(number, keys)
  const isKeyIntact =
    key === null ? expectedKey === null : Buffer.from(key).equals(encode(expectedKey))
  return { id, isIntact: isKeyIntact && text === valueOf(id, bytes) }
}

function encode(text: string | null): Buffer {
  return Buffer.from(text ?? '')
}
