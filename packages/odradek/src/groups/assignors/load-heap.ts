/**
 * Members by their load, in a binary heap. An entry knows the load that it was made for: one that
 * is out of date is dropped when it comes up, so a member is pushed again when its load changes.
 */
import type { Share } from './shares.ts'

export interface Entry {
  readonly share: Share
  readonly load: number
  /** Among equal loads. */
  readonly order: number
}

export class LoadHeap {
  readonly #isBefore: (a: Entry, b: Entry) => boolean
  readonly #heap: Entry[] = []

  constructor(isBefore: (a: Entry, b: Entry) => boolean) {
    this.#isBefore = isBefore
  }

  push(share: Share, order: number): void {
    const heap = this.#heap
    const entry = { share, load: share.load, order }
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(entry, heap[parent] as Entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  /** The first that is up to date; undefined when there is none. */
  get first(): Share | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined || top.load === top.share.load) return top?.share
      this.dropFirst()
    }
  }

  /** The first entry, up to date or not. */
  get top(): Entry | undefined {
    return this.#heap[0]
  }

  dropFirst(): void {
    const heap = this.#heap
    const entry = heap.pop()
    if (entry === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      const other = heap[child + 1]
      if (other !== undefined && this.#isBefore(other, heap[child] as Entry)) child++
      if (!this.#isBefore(heap[child] as Entry, entry)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = entry
  }
}

/** The least loaded first, of equals the first in order. */
export const leastFirst = (a: Entry, b: Entry): boolean =>
  a.load === b.load ? a.order < b.order : a.load < b.load

/** The most loaded first, of equals the last in order: the first in order were served first. */
export const mostFirst = (a: Entry, b: Entry): boolean =>
  a.load === b.load ? a.order > b.order : a.load > b.load
