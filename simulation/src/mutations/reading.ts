/** Bugs on the way of records to user code. */
import type { Mutation } from './mutation.ts'

const DELIVERIES = 'consumer/reading/deliveries.js'

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
    what: 'The fetcher is not woken when what it brought was taken up.',
    edits: [
      {
        file: 'consumer/assignment.js',
        find: 'onTaken: () => this.#fetcher.wake(),',
        replace: 'onTaken: () => undefined,',
      },
    ],
    ...{ workload: 'produce-group', plan: 'calm', profile: 'three' },
  },
  {
    name: 'request-without-deadline',
    what: 'A request waits for its answer for ever: kafkajs hung on half-open connections.',
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
    what: 'Whenever an offset is out of range, reading goes on at the end.',
    edits: [
      {
        file: 'consumer/fetch/out-of-range.js',
        find: 'const { start, end } = range;',
        replace: [
          'const { start, end } = range;',
          "if (position !== end) return { offset: end, reason: 'the position was out of range' };",
        ].join('\n'),
      },
    ],
    notCaught: 'No plan makes a broker say that an offset is out of range.',
    ...{ workload: 'produce-group', plan: 'moves', profile: 'three' },
  },
  {
    name: 'revoked-read-on',
    what: 'What was fetched of a partition is delivered to its end, even when the partition has gone.',
    edits: [
      {
        file: 'consumer/partition-reader.js',
        find: 'this.lineage.mayBegin = false;\n        this.buffered = undefined;\n        this.current = undefined;',
        replace: 'this.buffered = undefined;',
      },
      {
        file: 'consumer/partition-reader.js',
        find: 'this.lineage.end(reason);\n        this.buffered = undefined;\n        this.current = undefined;',
        replace: 'this.buffered = undefined;',
      },
    ],
    ...{ workload: 'groups', plan: 'churn', profile: 'three' },
  },
  {
    name: 'break-skips',
    what: 'A break out of a loop counts the record in hand as processed.',
    edits: [
      {
        file: 'consumer/reading/record-iterator.js',
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
        file: DELIVERIES,
        find: 'if (reader.buffered !== undefined)\n                reader.fetchOffset = reader.buffered.startOffset;',
        replace: '',
      },
    ],
    ...{ workload: 'produce-group', plan: 'restart', profile: 'three' },
  },
]
