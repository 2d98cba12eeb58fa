/** Bugs in members of share groups. */
import type { Mutation } from './mutation.ts'

const WHERE = { workload: 'share-group', plan: 'calm', profile: 'three' } as const

export const SHARE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'locks-run-out',
    what: 'The lock of a record is not renewed while a handler works on it.',
    edits: [
      {
        file: 'share-consumer/acquisition-locks.js',
        find: 'if (isSafe && this.#owner.mayRenew(hold, now))',
        replace: 'if (isSafe && this.#owner.mayRenew(hold, now) && false)',
      },
    ],
    ...WHERE,
  },
  {
    name: 'break-accepts',
    what: 'A break out of a loop accepts the record in hand.',
    edits: [
      {
        file: 'share-consumer/share-record-iterator.js',
        find: "this.#ledger.settle(record.hold, 'release')",
        replace: "this.#ledger.settle(record.hold, 'accept')",
      },
    ],
    ...WHERE,
  },
  {
    name: 'lapsed-handed-out',
    what: 'What was fetched is handed out, though its lock may have run out meanwhile.',
    edits: [
      {
        file: 'share-consumer/share-fetch-buffer.js',
        find: 'if (hold.safeUntil <= now)',
        replace: 'if (hold.safeUntil <= now && now < 0)',
      },
    ],
    ...{ workload: 'share-group', plan: 'pauses', profile: 'three' },
  },
  {
    name: 'late-word-again',
    what: 'What was said of a delivery, too late, is told of the next one of the same record.',
    edits: [
      {
        file: 'share-consumer/broker-locks.js',
        find: 'this.#pending.forget(hold.partition, hold.offset);',
        replace: '',
      },
    ],
    ...{ workload: 'share-group', plan: 'partitions', profile: 'single' },
  },
  {
    name: 'failed-share-run-keeps-partitions',
    what: 'A member of a share group whose run failed stays in its group, and keeps its partitions.',
    edits: [
      {
        file: 'share-consumer/share-consumer.js',
        find: 'this.#runs.observe(runner.run(), () => void this.#leaveUnlessRead())',
        replace: 'this.#runs.observe(runner.run())',
      },
    ],
    ...{ workload: 'share-idlers', plan: 'calm', profile: 'three' },
  },
  {
    name: 'unread-keeps-partitions',
    what: 'A member whose program requests no more records stays in its group.',
    edits: [
      {
        file: 'consumer/progress/poll-interval.js',
        find: 'if (unreadMs < this.#options.maxPollIntervalMs)',
        replace: 'if (unreadMs < Number.POSITIVE_INFINITY)',
      },
    ],
    ...{ workload: 'share-idlers', plan: 'calm', profile: 'three' },
  },
]
