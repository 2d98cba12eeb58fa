/**
 * xoshiro128** in integer arithmetic alone: the same seed gives the same numbers on every engine.
 * Streams for different names are independent, so that the numbers of one process do not depend on
 * those of another.
 */
import type { Random } from '../environment.ts'

export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number, name = '') {
    let state = (seed | 0) ^ hashOf(name)
    const next = (): number => {
      // splitmix32, to spread a small seed over the whole state.
      state = (state + 0x9e3779b9) | 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      return (z ^ (z >>> 16)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  #next(): number {
    const rotated = rotateLeft(Math.imul(this.#b, 5), 7)
    const result = Math.imul(rotated, 9) >>> 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = rotateLeft(this.#d, 11)
    return result
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count)
    for (let index = 0; index < count; index++) bytes[index] = this.#next() & 0xff
    return bytes
  }

  integer(bound: number): number {
    return bound <= 1 ? 0 : Math.floor((this.#next() / 0x1_0000_0000) * bound)
  }

  fraction(): number {
    return this.#next() / 0x1_0000_0000
  }
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}

/** FNV-1a: for names and traces. */
export function hashOf(text: string, start = 0x811c9dc5): number {
  let hash = start
  for (let index = 0; index < text.length; index++) {
    hash = mix(hash, text.charCodeAt(index))
  }
  return hash | 0
}

/** One step of it, for a number. */
export function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193)
}
