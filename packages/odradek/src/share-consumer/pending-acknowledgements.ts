/**
 * What is to be told to one broker about acquired records, until it is told. A broker takes the
 * acknowledgements of one partition in one request all or not at all: one late one fails them all,
 * and nothing says which. So what was refused is divided in halves that go in requests of their
 * own, until the late ones stand alone and the others have arrived.
 */
import { type AssignedPartition, idPartitionKey } from '../groups/shell/membership.ts'
import type { Acknowledgement, Hold } from './acquired-record.ts'

const TYPES: Readonly<Record<Acknowledgement, number>> = {
  gap: 0,
  accept: 1,
  release: 2,
  reject: 3,
  renew: 4,
}

export interface PendingAcknowledgement {
  readonly offset: number
  readonly acknowledgement: Acknowledgement
  /** Absent for gaps. */
  readonly hold: Hold | undefined
}

/** Of one partition, for one request. */
export interface AcknowledgementLot {
  readonly partition: AssignedPartition
  readonly items: readonly PendingAcknowledgement[]
}

interface Queue {
  readonly partition: AssignedPartition
  /** Not sent yet, by offset: an offset is named once in a request. */
  readonly fresh: Map<number, PendingAcknowledgement>
  /** Refused or interrupted: each goes alone, before anything fresh. */
  again: AcknowledgementLot[]
}

export class PendingAcknowledgements {
  readonly #queues = new Map<string, Queue>()

  get isEmpty(): boolean {
    return this.#queues.size === 0
  }

  /** Renewals cannot ride on a fetch. */
  get hasRenewals(): boolean {
    const isRenewal = ({ acknowledgement }: PendingAcknowledgement): boolean =>
      acknowledgement === 'renew'
    return [...this.#queues.values()].some(
      ({ fresh, again }) =>
        [...fresh.values()].some(isRenewal) || again.some(({ items }) => items.some(isRenewal)),
    )
  }

  /** Partitions with anything to tell. */
  *partitions(): Generator<AssignedPartition, void, undefined> {
    for (const { partition } of this.#queues.values()) yield partition
  }

  /** Takes the place of what was to be told about the same offset. */
  add(partition: AssignedPartition, item: PendingAcknowledgement): void {
    this.#queueOf(partition).fresh.set(item.offset, item)
  }

  /** Nothing is to be told about this offset any more, not for the first time and not again. */
  forget(partition: AssignedPartition, offset: number): void {
    const key = idPartitionKey(partition)
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    queue.fresh.delete(offset)
    queue.again = queue.again.flatMap((lot) => without(lot, offset))
    if (queue.fresh.size === 0 && queue.again.length === 0) this.#queues.delete(key)
  }

  #queueOf(partition: AssignedPartition): Queue {
    const key = idPartitionKey(partition)
    let queue = this.#queues.get(key)
    if (queue === undefined) {
      queue = { partition, fresh: new Map(), again: [] }
      this.#queues.set(key, queue)
    }
    return queue
  }

  /** The next request: of each partition one lot. */
  take(): readonly AcknowledgementLot[] {
    const lots: AcknowledgementLot[] = []
    for (const [key, queue] of this.#queues) {
      lots.push(queue.again.shift() ?? takeFresh(queue))
      if (queue.again.length === 0 && queue.fresh.size === 0) this.#queues.delete(key)
    }
    return lots
  }

  /** The same again. */
  putBack(lot: AcknowledgementLot): void {
    if (lot.items.length > 0) this.#queueOf(lot.partition).again.push(lot)
  }

  /** Refused as a whole: two halves go alone. False when there is nothing to divide. */
  divide({ partition, items }: AcknowledgementLot): boolean {
    if (items.length < 2) return false
    const middle = items.length >> 1
    this.putBack({ partition, items: items.slice(0, middle) })
    this.putBack({ partition, items: items.slice(middle) })
    return true
  }

  /** Everything that is waiting, which is told to nobody any more. */
  clear(): readonly AcknowledgementLot[] {
    const lots: AcknowledgementLot[] = []
    while (!this.isEmpty) lots.push(...this.take())
    return lots
  }
}

function without(lot: AcknowledgementLot, offset: number): readonly AcknowledgementLot[] {
  if (!lot.items.some((item) => item.offset === offset)) return [lot]
  const items = lot.items.filter((item) => item.offset !== offset)
  return items.length === 0 ? [] : [{ ...lot, items }]
}

function takeFresh({ partition, fresh }: Queue): AcknowledgementLot {
  const items = [...fresh.values()]
  fresh.clear()
  return { partition, items }
}

export interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  /** One for all of them, or one for each. */
  readonly acknowledgeTypes: readonly number[]
}

/** Offsets that follow each other make one batch. */
export function toBatches(items: readonly PendingAcknowledgement[]): AcknowledgementBatch[] {
  const sorted = [...items].sort((a, b) => a.offset - b.offset)
  const runs: PendingAcknowledgement[][] = []
  for (const item of sorted) {
    const run = runs.at(-1)
    if (run !== undefined && run.at(-1)?.offset === item.offset - 1) run.push(item)
    else runs.push([item])
  }
  return runs.map((run) => {
    const types = run.map(({ acknowledgement }) => TYPES[acknowledgement])
    const isUniform = types.every((type) => type === types[0])
    const [first] = run as [PendingAcknowledgement]
    return {
      firstOffset: first.offset,
      lastOffset: first.offset + run.length - 1,
      acknowledgeTypes: isUniform ? types.slice(0, 1) : types,
    }
  })
}
