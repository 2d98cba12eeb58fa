/** Bugs in what transactions take of consumers. */
import type { Mutation } from './mutation.ts'

const WHERE = { workload: 'exactly-once', plan: 'churn', profile: 'three' } as const

export const TRANSACTION_MUTATIONS: readonly Mutation[] = [
  {
    name: 'aborted-read-on',
    what: 'After a transaction that was aborted its consumer reads on behind what it consumed.',
    edits: [
      {
        file: 'consumer/offsets/transaction-link.js',
        find: 'if (offset === undefined || !reader.isReading)',
        replace: 'if (offset !== -2)',
      },
    ],
    ...WHERE,
  },
  {
    name: 'offsets-beside-transactions',
    what: 'What is processed is committed beside the transaction, whatever becomes of that.',
    edits: [
      {
        file: 'consumer/partition-reader.js',
        find: 'if (!this.isTransactional)\n            return this.committable;',
        replace: 'return this.committable;',
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
