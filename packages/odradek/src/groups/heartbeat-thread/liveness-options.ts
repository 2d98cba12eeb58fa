/** Options about liveness, as rows of the consumer's table; `docs/liveness.md` explains them. */
import { isBoolean, isNumber, type OptionRow } from '../../options/option-table.ts'

export const livenessRows: readonly OptionRow[] = [
  {
    name: 'maxPollIntervalMs',
    kafkaName: 'max.poll.interval.ms',
    unit: 'ms',
    default: 300_000,
    check: isNumber(1),
    text: 'how long user code may have a record or a batch in hand, or leave records unread.',
  },
  {
    name: 'heartbeatThread',
    default: true,
    check: isBoolean,
    text: 'heartbeat from a thread while the event loop is blocked.',
  },
  {
    name: 'progressTimeoutMs',
    unit: 'ms',
    default: 60_000,
    check: isNumber(0),
    text: 'a partition with records that has not moved for so long is looked after; 0: never.',
  },
]
