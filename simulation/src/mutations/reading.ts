/** Bugs on the way of records to user code. */
import type { Mutation } from './mutation.ts'

const DELIVERIES = 'consumer/delivery/fetch-buffer.js'
const PARTITION = 'consumer/partition/partition-state.js'

export const READING_MUTATIONS: readonly Mutation[] = [
  {
    name: 'data-wakes-nobody',
    what: 'Whoever waits for records is not woken when some have come.',
    edits: [
      {
        file: DELIVERIES,
        find: 'this.#ready.add(reader);\n        this.#wake();',
        replace: 'this.#ready.add(reader);',
      },
    ],
    ...{ workload: 'produce-group', plan: 'calm', profile: 'three' },
  },
  {
    name: 'taking-wakes-nobody',
    what: 'The fetcher is not woken when a reader has taken, or drained, what it fetched.',
    edits: [
      {
        file: 'consumer/assignment.js',
        find: "case 'wakeFetcher':\n                this.#fetcher.wake();",
        replace: "case 'wakeFetcher':",
      },
    ],
    ...{ workload: 'produce-group', plan: 'calm', profile: 'three' },
  },
  {
    name: 'request-without-deadline',
    what: 'A request waits for its answer for ever, as in kafkajs 1, where the deadline was off by default.',
    edits: [
      {
        file: 'connection/broker-connection.js',
        find: 'entry.timer = timers.set(timeoutMs, () => timers.soon(() => this.#expire(entry)));',
        replace: '',
      },
    ],
    ...{ workload: 'produce-group', plan: 'answers', profile: 'three' },
  },
  {
    name: 'reset-to-the-end',
    what: 'Whatever a leader says against a position counts as out of range, and reading goes on at the end.',
    edits: [
      {
        // Plans have leaders that move, but none whose log is truncated.
        file: 'consumer/fetch/fetch-reaction.js',
        find: 'case ErrorCode.OFFSET_OUT_OF_RANGE:',
        replace: [
          'case ErrorCode.OFFSET_OUT_OF_RANGE:',
          'case ErrorCode.NOT_LEADER_OR_FOLLOWER:',
          'case ErrorCode.FENCED_LEADER_EPOCH:',
          'case ErrorCode.UNKNOWN_LEADER_EPOCH:',
        ].join('\n'),
      },
      {
        file: 'consumer/positions/out-of-range.js',
        find: 'const { start, end } = range;',
        replace: [
          'const { start, end } = range;',
          "if (position !== end) return { offset: end, reason: 'the position was out of range' };",
        ].join('\n'),
      },
    ],
    ...{ workload: 'groups', plan: 'moves', profile: 'slow' },
  },
  {
    name: 'revoked-read-on',
    what: 'What was fetched of a partition is delivered to its end, even when the partition has gone.',
    edits: [
      {
        file: PARTITION,
        find: 'this.#lineage.mayBegin = false;\n        this.#dropFetched();',
        replace: 'this.#buffered = undefined;',
      },
      {
        file: PARTITION,
        find: 'this.#lineage.end(reason);\n        this.#dropFetched();',
        replace: 'this.#buffered = undefined;',
      },
    ],
    ...{ workload: 'groups', plan: 'churn', profile: 'three' },
  },
  {
    name: 'break-skips',
    what: 'A break out of a loop counts the record in hand as processed.',
    edits: [
      {
        file: 'consumer/delivery/record-iterator.js',
        find: 'reader.current.rewindTo(from);',
        replace: ';',
      },
    ],
    ...{ workload: 'produce-group', plan: 'calm', profile: 'three' },
  },
  {
    name: 'give-back-skips',
    what: 'A partition that comes back from a loop loses what was fetched behind what is left of it.',
    edits: [
      {
        file: PARTITION,
        find: 'if (this.#buffered !== undefined)\n            this.#fetchOffset = this.#buffered.startOffset;',
        replace: '',
      },
    ],
    ...{ workload: 'produce-group', plan: 'restart', profile: 'three' },
  },
]
