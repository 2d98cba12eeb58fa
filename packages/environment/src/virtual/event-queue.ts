/**
 * What happens next, in order of time, then of phase, then of insertion. The phases are those of
 * one turn of an event loop: due timers run before arrived input is read (so after a block every
 * expired timer fires before the input that arrived meanwhile is read), and deferred callbacks run
 * last.
 */
export const PHASE = { timer: 0, input: 1, deferred: 2 } as const
export type Phase = (typeof PHASE)[keyof typeof PHASE]

export interface QueuedEvent {
  at: number
  readonly phase: Phase
  readonly sequence: number
  isCancelled: boolean
  readonly run: () => void
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  if (a.at !== b.at) return a.at < b.at
  if (a.phase !== b.phase) return a.phase < b.phase
  return a.sequence < b.sequence
}

/** A binary heap. Cancelled events stay until they are reached. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = []

  get size(): number {
    return this.#heap.length
  }

  push(event: QueuedEvent): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as QueuedEvent
      if (!isBefore(event, parent)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = event
  }

  peek(): QueuedEvent | undefined {
    return this.#heap[0]
  }

  pop(): QueuedEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let childIndex = index * 2 + 1
      if (childIndex >= heap.length) break
      const right = heap[childIndex + 1]
      if (right !== undefined && isBefore(right, heap[childIndex] as QueuedEvent)) childIndex++
      const child = heap[childIndex] as QueuedEvent
      if (!isBefore(child, last)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = last
    return first
  }
}
