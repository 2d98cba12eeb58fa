/**
 * Whatever takes records: a producer, or a transaction of one. The overloads are said here, once.
 */
import type { Topic } from '../serdes/topic.ts'
import type { SendOptions } from './producer-options.ts'
import type { AnyRecord, ProducerRecord, RecordMetadata, TopicInput } from './record.ts'

/** What `Producer` and `Transaction` have in common: `send` and `write`. */
export abstract class RecordSink {
  /**
   * Sends a record, or many with one promise; receipts come in the order of the records. Resolves
   * when the records are written as `acks` says. Calls keep their order, awaited or not.
   *
   * A topic that the cluster does not have is waited for up to 5 s (it may be new), an unreachable
   * cluster or a full buffer up to `maxBlockMs`; delivery itself takes up to `deliveryTimeoutMs`.
   * `close()` delivers what was sent before; a signal ends the wait, not the delivery.
   *
   * In a transaction readers with `isolationLevel: 'read_committed'` see the records once it is
   * committed. There `send` need not be awaited: the commit waits for everything, and an error,
   * caught or not, makes the transaction one that is aborted.
   *
   * @throws UsageError for a closed producer, a transaction that is over, a wrong topic or record
   * (`MESSAGE_TOO_LARGE`, `ENCODE_FAILED`); BrokerError with Kafka's code; AuthenticationError;
   * TimeoutError. Of many records some may be written: then a PartialError has every result by the
   * record's index.
   * @example
   * await producer.send('orders', { key: 'o-1', value: 'paid', headers: { trace: 'abc' } })
   * const receipts = await producer.send('orders', [{ value: 'a' }, { value: 'b' }])
   */
  send<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    record: ProducerRecord<K, V, Tombstones>,
    options?: SendOptions,
  ): Promise<RecordMetadata>
  send<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    records: readonly ProducerRecord<K, V, Tombstones>[],
    options?: SendOptions,
  ): Promise<readonly RecordMetadata[]>
  send(topic: string, record: ProducerRecord, options?: SendOptions): Promise<RecordMetadata>
  send(
    topic: string,
    records: readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<readonly RecordMetadata[]>
  send(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    options?: SendOptions,
  ): Promise<RecordMetadata | readonly RecordMetadata[]> {
    try {
      return this.takeSent(topic, records, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Queues a record without a promise of its own. False says that the buffer is full: await
   * `producer.drained()` before the next (a writer that goes on regardless is stopped with a
   * UsageError at twice `bufferMemory`). What cannot be delivered is told by the event
   * `deliveryFailed`, or, when nobody listens, by the next `flush()` or `close()`; in a transaction
   * it aborts that.
   *
   * @throws UsageError for a closed producer, a transaction that is over, a wrong topic or record.
   * @example
   * if (!producer.write('clicks', { value: 'button-7' })) await producer.drained()
   */
  write<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    record: ProducerRecord<K, V, Tombstones>,
  ): boolean
  write(topic: string, record: ProducerRecord): boolean
  write(topic: TopicInput, record: AnyRecord): boolean {
    return this.takeWritten(topic, record)
  }

  /** @internal What it throws, `send` rejects with. */
  protected abstract takeSent(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    options: SendOptions | undefined,
  ): Promise<RecordMetadata | readonly RecordMetadata[]>

  /** @internal */
  protected abstract takeWritten(topic: TopicInput, record: AnyRecord): boolean
}
