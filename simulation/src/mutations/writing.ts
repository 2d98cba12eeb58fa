/** Bugs of producers. */
import type { Mutation } from './mutation.ts'

const DELIVERY = 'producer/delivery.js'

export const WRITING_MUTATIONS: readonly Mutation[] = [
  {
    name: 'resend-under-new-numbers',
    what: 'An idempotent producer gives a batch new sequence numbers when it sends it again.',
    edits: [
      {
        file: DELIVERY,
        find: 'batch.retryAt = this.#now +',
        replace: 'batch.baseSequence = -1;\n        batch.retryAt = this.#now +',
      },
    ],
    ...{ workload: 'produce-group', plan: 'answers', profile: 'three' },
  },
  {
    name: 'silence-is-consent',
    what: 'A write whose answer never came counts as written.',
    edits: [
      {
        file: DELIVERY,
        find: 'if (mayHaveArrived(error)) {',
        replace: 'if (mayHaveArrived(error)) {\n this.#succeed(batch, null, -1); continue;',
      },
    ],
    ...{ workload: 'produce-group', plan: 'swarm', profile: 'three' },
  },
  {
    name: 'unknown-is-not-written',
    what: 'A write that ran out of time is said not to be written, though it may be: an invitation to write it twice.',
    edits: [
      {
        file: DELIVERY,
        find: "batch.isOutcomeUnknown ? 'unknown' : 'notWritten'",
        replace: "'notWritten'",
      },
    ],
    ...{ workload: 'produce-group', plan: 'partitions', profile: 'three' },
  },
]
