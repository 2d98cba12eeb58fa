/** What becomes of what cannot be read: records that no serde decodes, batches that are corrupt. */
import { isNumber, isOneOf, type OptionRow } from '../../options/option-table.ts'

/**
 * What becomes of a record whose key or value cannot be decoded. `fail` (the default): it is handed
 * out, and reading its key or value throws a `DecodeError`. `skip`: it counts as processed. A dead
 * letter topic: it is written there as it was, then it counts as processed. Both emit
 * `recordSkipped`.
 */
export type OnDecodeError = 'fail' | 'skip' | { readonly deadLetterTopic: string }

/**
 * What becomes of a batch that is still corrupt when it was fetched a second time (from another
 * replica if there is one). `fail` (the default): reading throws a `CorruptRecordsError`, and the
 * partition stands until a seek. `skip`: reading goes on behind it, and `dataLoss` says from where
 * to where.
 */
export type OnCorruptBatch = 'fail' | 'skip'

export interface PoisonOptions {
  readonly unknownTopicGraceMs: number
  readonly onDecodeError: OnDecodeError
  readonly onCorruptBatch: OnCorruptBatch
}

const CHOICES = '"fail", "skip" or { deadLetterTopic: "name" }'

function checkOnDecodeError(value: unknown): string | undefined {
  if (value === 'fail' || value === 'skip') return undefined
  const [[name, given] = [], ...more] = Object.entries(value ?? {})
  const isTopic = name === 'deadLetterTopic' && typeof given === 'string' && given !== ''
  return isTopic && more.length === 0 ? undefined : CHOICES
}

export const poisonRows: readonly OptionRow[] = [
  {
    name: 'unknownTopicGraceMs',
    unit: 'ms',
    default: 5000,
    check: isNumber(0),
    text: 'how long a dead letter topic that brokers do not know (yet) is looked for; with 0 the first response counts.',
  },
  {
    name: 'onDecodeError',
    default: 'fail',
    check: checkOnDecodeError,
    text: 'what becomes of a record whose key or value cannot be decoded.',
  },
  {
    name: 'onCorruptBatch',
    default: 'fail',
    check: isOneOf('fail', 'skip'),
    text: 'what becomes of a batch that is corrupt, twice.',
  },
]
