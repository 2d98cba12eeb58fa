/**
 * Acquired records on their way to whoever reads. Every record in here is locked for nobody's good,
 * so there is only something in here because somebody asked: an empty buffer with somebody waiting
 * is what makes brokers be asked for more.
 */
import type { KafkaError } from '@odradek/protocol'
import type { AnyShareRecord } from './share-record.ts'

export interface ShareBufferOwner {
  now(): number
  /** Somebody waits and there is nothing. */
  onHungry(): void
  onHandedOut(record: AnyShareRecord): void
  /** False when it cannot be decoded, and was settled for that. */
  isReadable(record: AnyShareRecord): boolean
  /** Its lock may have run out while it waited: it is not handed out. */
  onDoubtful(record: AnyShareRecord): void
}

export class ShareBuffer {
  readonly #owner: ShareBufferOwner
  readonly #errors: KafkaError[] = []
  #records: AnyShareRecord[] = []
  #next = 0
  #waiters: (() => void)[] = []
  #hasEnded = false
  /** When a record was handed out last. */
  lastTakenAt = Number.NEGATIVE_INFINITY

  constructor(owner: ShareBufferOwner) {
    this.#owner = owner
  }

  get hasWaiters(): boolean {
    return this.#waiters.length > 0
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether records are wanted right now. */
  get isHungry(): boolean {
    return this.#waiters.length > 0 && this.#next >= this.#records.length && !this.#hasEnded
  }

  offer(records: readonly AnyShareRecord[]): void {
    if (records.length === 0) return
    this.#records = [...this.#records.slice(this.#next), ...records]
    this.#next = 0
    this.#wake()
  }

  /**
   * The next record, now in the caller's hands; undefined when there is none right now. What is not
   * locked for certain any more is left out: it may be somebody else's by now.
   *
   * @throws what `fail` was told, once.
   */
  take(): AnyShareRecord | undefined {
    const error = this.#errors.shift()
    if (error !== undefined) throw error
    if (this.#hasEnded) return undefined
    const now = this.#owner.now()
    while (this.#next < this.#records.length) {
      const record = this.#records[this.#next] as AnyShareRecord
      this.#next++
      const { hold } = record
      if (hold.stage !== 'buffered') continue
      if (hold.safeUntil <= now) {
        this.#owner.onDoubtful(record)
        continue
      }
      hold.stage = 'handedOut'
      hold.handedOutAt = now
      this.lastTakenAt = now
      this.#owner.onHandedOut(record)
      if (this.#owner.isReadable(record)) return record
    }
    this.#records = []
    this.#next = 0
    return undefined
  }

  /** Resolves when it makes sense to ask again. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
      this.#owner.onHungry()
    })
  }

  /** Whoever waits looks again. */
  recheck(): void {
    this.#wake()
  }

  fail(error: KafkaError): void {
    this.#errors.push(error)
    this.#wake()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake()
  }

  #wake(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}
