/**
 * Which leader epoch began at which offset (KIP-101, KIP-320). An epoch without records is dropped
 * when the next one begins at the same offset. A client detects truncation by it: the end of the
 * epoch that it last read is before its position.
 */
interface EpochStart {
  readonly epoch: number
  readonly startOffset: number
}

export interface EpochEnd {
  readonly epoch: number
  readonly endOffset: number
}

const UNKNOWN: EpochEnd = { epoch: -1, endOffset: -1 }

export class LeaderEpochs {
  #starts: EpochStart[] = []

  begin(epoch: number, startOffset: number): void {
    this.#starts = this.#starts.filter(
      (start) => start.epoch < epoch && start.startOffset < startOffset,
    )
    this.#starts.push({ epoch, startOffset })
  }

  truncateTo(endOffset: number): void {
    this.#starts = this.#starts.filter((start) => start.startOffset < endOffset)
  }

  /** Records before `offset` were removed: the epoch of `offset` starts there now. */
  expireBefore(offset: number): void {
    const current = this.#starts.findLast((start) => start.startOffset <= offset)
    if (current === undefined) return
    this.#starts = [
      { epoch: current.epoch, startOffset: offset },
      ...this.#starts.filter((start) => start.startOffset > offset),
    ]
  }

  /** The epoch under which the record at `offset` was written; -1 when unknown. */
  epochAt(offset: number): number {
    return this.#starts.findLast((start) => start.startOffset <= offset)?.epoch ?? -1
  }

  /** Where `epoch`, or the largest epoch before it, ended. */
  endOf(epoch: number, logEndOffset: number): EpochEnd {
    const last = this.#starts.at(-1)
    if (epoch < 0 || last === undefined || epoch > last.epoch) return UNKNOWN
    if (epoch === last.epoch) return { epoch, endOffset: logEndOffset }
    const next = this.#starts.find((start) => start.epoch > epoch)
    if (next === undefined) return UNKNOWN
    const floor = this.#starts.findLast((start) => start.epoch <= epoch)
    return { epoch: floor?.epoch ?? epoch, endOffset: next.startOffset }
  }
}
