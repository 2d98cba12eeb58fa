/** Bugs in how a member takes part in a group of KIP-848. */
import type { Mutation } from './mutation.ts'

const MACHINE = 'groups/consumer/membership-consumer.machine.js'
const MOVES = 'groups/consumer/membership-consumer.transitions.js'

export const CONSUMER_PROTOCOL_MUTATIONS: readonly Mutation[] = [
  {
    name: 'given-up-before-it-is',
    what: 'A member says that partitions are given up while its hook still finishes their records.',
    edits: [
      {
        file: MOVES,
        find: "member: { ...member, hookTicket: ticket },\n                phase: 'revoking',",
        replace: [
          'member: {',
          '...member,',
          'hookTicket: ticket,',
          'owned: difference(member.owned, revoking),',
          'beat: { ...member.beat, hasNewOwned: true },',
          '},',
          "phase: 'revoking',",
        ].join('\n'),
      },
    ],
    ...{ workload: 'consumer-groups', plan: 'calm', profile: 'three' },
  },
  {
    name: 'fencing-ignored',
    what: 'Whose session is over, and who is fenced, tries again in the old epoch, and reads on.',
    edits: [
      {
        file: MACHINE,
        find: "return loseAndRejoin(state, 'the session expired', event.chance);",
        replace: 'return askSoon(failed(state));',
      },
      {
        file: MACHINE,
        find: [
          "return after([{ do: 'forgetCoordinator' }], pace(state, chance));",
          "        case 'rejoin':",
          '            return loseAndRejoin(state, fencedBy(error), chance);',
        ].join('\n'),
        replace: [
          "return after([{ do: 'forgetCoordinator' }], pace(state, chance));",
          "case 'rejoin':",
          "return after([{ do: 'confirmSession', ticket: event.ticket }], pace(state, chance));",
        ].join('\n'),
      },
    ],
    ...{ workload: 'consumer-groups', plan: 'pauses', profile: 'three' },
  },
  {
    name: 'keep-alive-after-a-failure',
    what: 'After a heartbeat without an answer the next one says nothing, so what it told is lost.',
    edits: [
      {
        file: MOVES,
        find: 'const beat = { ...member.beat, isSent: false, isUrgent: false, isFull: true };',
        replace: 'const beat = { ...member.beat, isSent: false, isUrgent: false };',
      },
    ],
    ...{ workload: 'consumer-groups', plan: 'silence', profile: 'three' },
  },
]
