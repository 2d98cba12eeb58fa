/** Bugs in what transactions take of consumers. */
import type { Mutation } from './mutation.ts'

const WHERE = { workload: 'exactly-once', plan: 'churn', profile: 'three' } as const

export const TRANSACTION_MUTATIONS: readonly Mutation[] = [
  {
    name: 'aborted-read-on',
    what: 'After a transaction that was aborted its consumer reads on behind what it consumed.',
    edits: [
      {
        file: 'consumer/partition/transactional-offsets.js',
        find: 'const offset = commit.offset ?? lineage.start;',
        replace: 'const offset = -2;\n        if (offset === -2) return;',
      },
    ],
    ...WHERE,
  },
  {
    name: 'offsets-beside-transactions',
    what: 'What is processed is committed beside the transaction, whatever becomes of that.',
    edits: [
      {
        file: 'consumer/partition/what-to-commit.js',
        find: 'return pinned === undefined ? undefined : (commit.offset ?? pinned);',
        replace: 'return tracker.committable < 0 ? undefined : tracker.committable;',
      },
    ],
    ...WHERE,
  },
  {
    name: 'half-a-batch-committed',
    what: 'A transaction commits a batch that was not iterated to its end: a record is copied without its offset.',
    edits: [
      {
        file: 'producer/transactions/consumed-offsets.js',
        find: 'partition.isLive && isComplete?.() === false',
        replace: 'false',
      },
    ],
    ...WHERE,
  },
  {
    name: 'failed-write-committed',
    what: 'A transaction is committed although one of its writes has failed.',
    edits: [
      {
        file: 'producer/transactions/transaction.machine.js',
        find: 'const isCommit = event.isCommit && failure === undefined;',
        replace: 'const isCommit = event.isCommit;',
      },
    ],
    ...{ workload: 'exactly-once', plan: 'partitions', profile: 'three' },
  },
]
