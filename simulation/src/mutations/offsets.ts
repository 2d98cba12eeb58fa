/** Bugs in what is committed, and when. */
import type { Mutation } from './mutation.ts'

const PIPELINE = 'consumer/commit/commit-pipeline.js'
const POSITIONS = 'consumer/positions/position-resolver.js'
const WHAT = 'consumer/partition/what-to-commit.js'
const TRACKER = 'consumer/partition/offset-tracker.js'

export const OFFSET_MUTATIONS: readonly Mutation[] = [
  {
    name: 'commit-on-fetch',
    what: 'The fetched position is committed, not the processed one.',
    edits: [
      {
        file: WHAT,
        find: 'return wanted(mode, progress) ?? progress.commit.unsureOffset;',
        replace: 'return progress.fetchOffset < 0 ? undefined : progress.fetchOffset;',
      },
    ],
    ...{ workload: 'produce-group', plan: 'restart', profile: 'three' },
  },
  {
    name: 'commit-the-newest',
    what: 'With handlers side by side, whoever is done commits past those that are not.',
    edits: [
      {
        file: TRACKER,
        find: 'this.#isFinished[(this.#head + index) & mask] = 1;',
        replace: [
          'this.#isFinished[(this.#head + index) & mask] = 1;',
          'this.#committable = this.#offsets[(this.#head + index) & mask] + 1;',
        ].join('\n'),
      },
    ],
    ...{ workload: 'produce-group', plan: 'restart', profile: 'three' },
  },
  {
    name: 'commits-side-by-side',
    what: 'A commit that got no answer is sent again as it was built, while newer ones are under way.',
    edits: [
      {
        file: PIPELINE,
        find: 'this.#markUnsure(batch);\n        this.#pace();',
        replace: [
          '{',
          '  const again = () => {',
          '    const { stamp } = this.#membership();',
          '    if (stamp !== undefined && !this.#isClosed) void this.#send(batch, stamp);',
          '  };',
          '  this.#cluster.environment.timers.set(1000, again);',
          '}',
          'this.#pace();',
        ].join('\n'),
      },
    ],
    ...{ workload: 'produce-group', plan: 'swarm', profile: 'three' },
  },
  {
    name: 'commit-without-generation',
    what: 'Commits name no member and no generation, as those of a consumer without a group do.',
    edits: [
      {
        file: PIPELINE,
        find: 'generationIdOrMemberEpoch: stamp.generationIdOrMemberEpoch,\n            memberId: stamp.memberId,',
        replace: "generationIdOrMemberEpoch: -1,\n            memberId: '',",
      },
    ],
    ...{ workload: 'produce-group', plan: 'restart', profile: 'three' },
  },
  {
    name: 'unsure-commit-forgotten',
    what: 'A commit of unknown outcome is not asserted again, so it can be applied late, after a seek back.',
    edits: [
      {
        file: PIPELINE,
        find: 'reader.commit.markOutcomeUnknown(offset, until);',
        replace: ';',
      },
    ],
    ...{ workload: 'produce-group', plan: 'answers', profile: 'three' },
  },
  {
    name: 'former-topic-ignored',
    what: 'A committed offset counts, whatever topic of that name it was committed for.',
    edits: [
      {
        file: POSITIONS,
        find: 'if (topicId !== undefined && topicId !== this.#topicIdOf(reader)) {',
        replace: 'if (false) {',
      },
      {
        file: POSITIONS,
        find: 'if (topicId !== undefined)\n            reader.learnTopicId(topicId);',
        replace: 'reader.learnTopicId(this.#topicIdOf(reader));',
      },
    ],
    ...{ workload: 'groups', plan: 'recreation', profile: 'three' },
  },
  {
    name: 'start-counted-anew',
    what: 'Every member counts `durationMs` from its own start, not from the first of its group.',
    edits: [
      {
        file: POSITIONS,
        find: 'return this.#instants.get(topic) ?? Math.max(0, this.#ownInstant - agoMs);',
        replace: 'return Math.max(0, this.#ownInstant - agoMs);',
      },
    ],
    ...{ workload: 'starts', plan: 'growth', profile: 'three' },
  },
  {
    name: 'manual-commits-unasked',
    what: 'With enableAutoCommit: false what was delivered is committed all the same, at revocation and close.',
    edits: [
      {
        file: WHAT,
        find: 'return commit.requested ?? pinned;',
        replace: 'return tracker.committable < 0 ? undefined : tracker.committable;',
      },
    ],
    ...{ workload: 'collectors', plan: 'churn', profile: 'three' },
  },
  {
    name: 'found-start-committed',
    what: 'The place where reading begins is committed, though nothing was processed to reach it.',
    edits: [
      {
        file: WHAT,
        find: 'return commit.requested ?? pinned;',
        replace: 'return commit.requested ?? (start < 0 ? undefined : start);',
      },
    ],
    ...{ workload: 'consumer-collectors', plan: 'churn', profile: 'three' },
  },
  {
    name: 'found-start-committed-automatically',
    what: 'Automatic commits include the place where reading begins, though nothing was processed to reach it.',
    edits: [
      {
        file: WHAT,
        find: "tracker.committable >= 0 && (startKind !== 'found' || hasProgressed(lineage));",
        replace: 'tracker.committable >= 0;',
      },
    ],
    ...{ workload: 'groups', plan: 'churn', profile: 'three' },
  },
  {
    name: 'former-position-kept',
    what: 'Until it is known where a topic made anew begins, the position in the former one counts for it.',
    edits: [
      {
        file: 'consumer/partition/partition-state.js',
        find: 'this.#forgetLog();\n        this.#formerTopicId ??= this.#topicId;',
        replace: 'this.#formerTopicId ??= this.#topicId;',
      },
    ],
    ...{ workload: 'produce-group', plan: 'recreation', profile: 'three' },
  },
]
