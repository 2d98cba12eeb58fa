import { KafkaError, type KafkaErrorOptions } from '@odradek/protocol'

/** The caller's mistake: a wrong option, or an action that the cluster's state does not allow. */
export class UsageError extends KafkaError {
  readonly code = 'USAGE'
  readonly retriable = false

  constructor(message: string, options: KafkaErrorOptions = {}) {
    super(message, options)
  }
}
