import { KafkaError, type KafkaErrorOptions } from './kafka-error.ts'
import { errorTraits } from './table.ts'

export interface BrokerErrorOptions extends KafkaErrorOptions {
  /** The operation: `commit offsets of group billing`. */
  readonly action?: string | undefined
  /** The broker's own words, when it sent any; some send an empty text. */
  readonly brokerMessage?: string | null | undefined
}

/**
 * A broker returned an error code. `code` is Kafka's name for it (`NOT_LEADER_OR_FOLLOWER`),
 * `errorCode` its number (6).
 */
export class BrokerError extends KafkaError {
  readonly code: string
  readonly errorCode: number
  readonly retriable: boolean

  constructor(errorCode: number, options: BrokerErrorOptions = {}) {
    const traits = errorTraits(errorCode)
    const what = options.action === undefined ? '' : `Could not ${options.action}: `
    const said =
      (options.brokerMessage ?? '') === ''
        ? ''
        : ` (the broker says: ${options.brokerMessage ?? ''})`
    super(`${what}${traits.text} [${traits.code}]${said}`, options)
    this.code = traits.code
    this.errorCode = errorCode
    this.retriable = traits.retriable
  }
}
