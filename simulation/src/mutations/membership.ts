/** Bugs in how a member takes part in its group. */
import type { Mutation } from './mutation.ts'

const MACHINE = 'groups/classic/membership-classic.machine.js'
const HEARTBEATER = 'groups/classic/heartbeater.js'
const STICKY = 'groups/assignors/cooperative-sticky.js'
const ASSIGNMENT = 'consumer/assignment.js'

export const MEMBERSHIP_MUTATIONS: readonly Mutation[] = [
  {
    name: 'heartbeat-after-the-handler',
    what: 'No heartbeat is sent while a record is in hand: kafkajs beats between records.',
    edits: [
      {
        file: HEARTBEATER,
        find: 'if (life === undefined || this.#pending !== undefined)\n            return;',
        replace: [
          'if (life === undefined || this.#pending !== undefined) return;',
          'if (this.#options.isBusy?.()) { this.#armBeat(100); return; }',
        ].join('\n'),
      },
      {
        file: 'groups/classic/classic-membership.js',
        find: 'onExpired: ({ generationId }) =>',
        replace: [
          'isBusy: () => [...(this.#handler.readers ?? [])].some((one) => one.inFlight.isAny),',
          'onExpired: ({ generationId }) =>',
        ].join('\n'),
      },
    ],
    ...{ workload: 'groups', plan: 'calm', profile: 'three' },
  },
  {
    name: 'session-taken-for-granted',
    what: 'After a pause a member reads on without asking whether it is one still: a zombie.',
    edits: [
      {
        file: HEARTBEATER,
        find: 'if (!isFresh) {',
        replace: 'if (this.#life !== undefined) return true; else {',
      },
    ],
    ...{ workload: 'groups', plan: 'pauses', profile: 'three' },
  },
  {
    name: 'lost-is-kept',
    what: 'Partitions that were lost with the membership are read on.',
    edits: [
      {
        file: ASSIGNMENT,
        find: "for (const reader of readers)\n            this.#drop(reader, 'lost');\n        if (readers.length === 0)",
        replace: 'if (readers.length === 0)',
      },
    ],
    ...{ workload: 'groups', plan: 'churn', profile: 'three' },
  },
  {
    name: 'no-rejoin-after-revocation',
    what: 'A member gives up partitions and does not join again, so nobody gets them.',
    edits: [
      {
        file: MACHINE,
        find: "if (hasRevoked)\n        return 'this member gave up partitions that move to others';",
        replace: '',
      },
      {
        // The leader sees to what its plan left over, should nobody come for it.
        file: 'groups/classic/group-leader.js',
        find: 'void this.#mindLeftOver(signal);',
        replace: ';',
      },
    ],
    ...{ workload: 'groups', plan: 'calm', profile: 'three' },
  },
  {
    name: 'plan-without-fixpoint',
    what: 'The leader plans without a look at who owns what, another way each time.',
    edits: [
      {
        file: STICKY,
        find: 'const { heldBy, claimants } = settleClaims(ordered, existsIn(partitionCounts));',
        replace: [
          'const { claimants } = settleClaims(ordered, existsIn(partitionCounts));',
          'const heldBy = new Map();',
          'const age = Math.max(0, ...members.map(({ generationId }) => generationId));',
          'ordered.push(...ordered.splice(0, age % ordered.length));',
        ].join('\n'),
      },
    ],
    ...{ workload: 'groups', plan: 'calm', profile: 'three' },
  },
  {
    name: 'plan-in-one-step',
    what: 'A partition goes to its new owner in the generation in which its old one still has it.',
    edits: [
      {
        file: STICKY,
        find: 'return held.has(key) || isFree(key);',
        replace: 'return true;',
      },
      {
        // The leader looks a plan over before it is sent, and would refuse this one.
        file: 'groups/classic/group-leader.js',
        find: 'if (owner !== undefined && owner !== holder) {',
        replace: 'if (false) {',
      },
    ],
    ...{ workload: 'groups', plan: 'calm', profile: 'three' },
  },
  {
    name: 'coordinator-for-ever',
    what: 'A member whose coordinator has moved goes on asking the old one.',
    edits: [
      {
        file: 'cluster/cluster.js',
        find: 'forgetCoordinator(type, key) {',
        replace: 'forgetCoordinator(type, key) {\n return;',
      },
    ],
    ...{ workload: 'groups', plan: 'moves', profile: 'three' },
  },
  {
    name: 'failed-run-keeps-partitions',
    what: 'A member whose run failed stays in its group, heartbeats, and keeps its partitions.',
    edits: [
      {
        file: 'consumer/consumer.js',
        find: 'this.#runs.observe(runner.run(), () => void this.#leaveUnlessRead())',
        replace: 'this.#runs.observe(runner.run())',
      },
    ],
    ...{ workload: 'idlers', plan: 'calm', profile: 'three' },
  },
  {
    name: 'failed-consumer-run-keeps-partitions',
    what: 'The same in a KIP-848 group.',
    edits: [
      {
        file: 'consumer/consumer.js',
        find: 'this.#runs.observe(runner.run(), () => void this.#leaveUnlessRead())',
        replace: 'this.#runs.observe(runner.run())',
      },
    ],
    ...{ workload: 'consumer-idlers', plan: 'calm', profile: 'three' },
  },
]
