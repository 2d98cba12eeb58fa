/**
 * Records that no serde can decode, and where they go: passed over, or written to a dead letter
 * topic. Until it is written there the partition stands; it counts as processed only then.
 */
import { asError } from '../../errors/as-error.ts'
import { DeadLetterError, type DecodeError } from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { ConsumerRecord } from '../partition/consumer-record.ts'
import type { FetchedChunk } from '../partition/completed-fetch.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import type { OnDecodeError } from '../options/decode-error-options.ts'

type AnyRecord = ConsumerRecord<unknown, unknown>

export interface PoisonTools {
  readonly policy: OnDecodeError
  readonly emitter: TypedEmitter<ClientEvents>
  /** Writes a record to a dead letter topic; settles when it is there. */
  readonly deadLetter: (topic: string, record: AnyRecord, error: unknown) => Promise<void>
  readonly onFailed: (error: Error) => void
}

export class Poison {
  readonly #tools: PoisonTools

  constructor(tools: PoisonTools) {
    this.#tools = tools
  }

  /** True when it was passed over; false when its partition has to stand for now. */
  settle(
    reader: PartitionReader,
    chunk: FetchedChunk,
    record: AnyRecord,
    problem: DecodeError,
  ): boolean {
    const { policy } = this.#tools
    if (typeof policy === 'string') {
      this.#tell(record, problem)
      return true
    }
    chunk.rewindTo(record.offset)
    // What is being given up is not begun: whoever has the partition next finds the record, too.
    if (!chunk.lineage.mayBegin) return false
    reader.pause('deadLetter')
    reader.inFlight.begin()
    const { deadLetterTopic } = policy
    this.#bury(reader, chunk, record, problem, deadLetterTopic)
      .catch((failure: unknown) =>
        this.#tools.onFailed(
          new DeadLetterError(deadLetterTopic, record, asError(failure), problem),
        ),
      )
      .finally(() => {
        reader.resume('deadLetter')
        reader.inFlight.end()
      })
      .catch(() => undefined)
    return false
  }

  async #bury(
    reader: PartitionReader,
    chunk: FetchedChunk,
    record: AnyRecord,
    problem: DecodeError,
    topic: string,
  ): Promise<void> {
    await this.#tools.deadLetter(topic, record, problem)
    this.#tell(record, problem)
    const { lineage } = chunk
    // Sought elsewhere, or lost, meanwhile: then it may come, and be written there, again.
    if (!lineage.isLive) return
    const next = record.offset + 1
    lineage.tracker.passTo(next)
    if (chunk === reader.buffered || chunk === reader.current) chunk.rewindTo(next)
  }

  #tell({ topic, partition, offset }: AnyRecord, error: DecodeError): void {
    this.#tools.emitter.emit('recordSkipped', { topic, partition, offset, error })
  }
}
