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
  return `${id}|${filling(bytes)}`
}

let fillings = FILLING

function filling(bytes: number): string {
  while (fillings.length < bytes) fillings += fillings
  return fillings.slice(0, bytes)
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
  const text = textOf(value) ?? ''
  const end = text.indexOf('|')
  const id = text.slice(0, end)
  const [, number, keys, bytes] = id.split(':')
  if (bytes === undefined) return { id: text.slice(0, 40), isIntact: false }
  const isKeyIntact = textOf(key) === keyOf(Number(number), Number(keys))
  return { id, isIntact: isKeyIntact && text.slice(end + 1) === filling(Number(bytes)) }
}

/** Byte by byte: what is written is ASCII. */
function textOf(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null
  const { buffer, byteOffset, length } = bytes
  return Buffer.from(buffer, byteOffset, length).toString('latin1')
}
