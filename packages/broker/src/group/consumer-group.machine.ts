/**
 * KIP-848 consumer groups as Kafka's coordinator decides them, one event at a time. No request is
 * parked: every one gets its response in its own step, and a member gets revocations and new
 * partitions in the responses to its next heartbeats.
 *
 * | member              | epoch        | what it has                      | moves on when                |
 * | ------------------- | ------------ | -------------------------------- | ---------------------------- |
 * | Stable              | the target's | all of its target                | the group has a newer target |
 * | UnrevokedPartitions | its old one  | what stays; the rest is pending  | it reports less, or is fenced |
 * | UnreleasedPartitions | the target's | its target but what others hold | those have released them     |
 *
 * | group       | when                                                   |
 * | ----------- | ------------------------------------------------------ |
 * | Empty       | it has no members                                      |
 * | Assigning   | the group epoch is ahead of the target's               |
 * | Reconciling | a member is not Stable in the target's epoch           |
 * | Stable      | all members are Stable in the target's epoch           |
 * | Dead        | it was deleted                                         |
 *
 * Unlike a classic group's, all of this is durable: each step that changed anything is persisted
 * before its response is sent, so a new coordinator continues where the last one was; only sessions
 * start again.
 */

import { ErrorCode } from '@odradek/protocol'
import {
  handleClassicHeartbeat,
  handleClassicJoin,
  handleClassicLeave,
  handleClassicSync,
} from './classic-members.ts'
import type { Effect, Event, State, Step, Surroundings } from './consumer-group.ts'
import { ConsumerGroupBuilder } from './consumer-group-builder.ts'
import { handleHeartbeat } from './consumer-heartbeat.ts'
import { type Refusal, refusedHeartbeat } from './heartbeat-answer.ts'

export function transition(state: State, event: Event, surroundings: Surroundings): Step {
  const builder = new ConsumerGroupBuilder(state, surroundings)
  const refusal = handle(builder, event)
  if (refusal !== undefined) {
    // A refused request changes nothing but the deadline of a member that has to rejoin.
    const deadlines = builder.effects.filter((effect) => effect.do === 'setTimer' && effect.keep)
    return { state, effects: [...deadlines, ...refusalOf(event, refusal)] }
  }
  const { migrationPolicy } = surroundings.limits
  const mayDowngrade = migrationPolicy === 'bidirectional' || migrationPolicy === 'downgrade'
  const hadOthers = [...state.members.values()].some((member) => member.classic === null)
  const isClassic = builder.size > 0 && builder.members.every((member) => member.classic !== null)
  // A dynamic member that only changes its protocol does not downgrade the group.
  const isCause = event.type !== 'classicJoin' || event.groupInstanceId !== null
  const step = builder.seal()
  if (!mayDowngrade || !hadOthers || !isClassic || !isCause) return step
  // A leave keeps the generation: the others get REBALANCE_IN_PROGRESS in the one they know.
  const generationId = event.type === 'classicJoin' ? builder.groupEpoch : state.groupEpoch
  return { ...step, effects: [...step.effects, { do: 'downgrade', generationId }] }
}

function handle(builder: ConsumerGroupBuilder, event: Event): Refusal | undefined {
  switch (event.type) {
    case 'heartbeat':
      return handleHeartbeat(builder, event)
    case 'classicJoin':
      return handleClassicJoin(builder, event)
    case 'classicSync':
      return handleClassicSync(builder, event)
    case 'classicHeartbeat':
      return handleClassicHeartbeat(builder, event)
    case 'classicLeave':
      handleClassicLeave(builder, event)
      return undefined
    case 'sessionExpired':
      if (builder.member(event.memberId) !== undefined) builder.remove(event.memberId)
      return undefined
    case 'rebalanceExpired':
    case 'syncExpired':
      if (builder.member(event.memberId)?.memberEpoch === event.memberEpoch) {
        builder.remove(event.memberId)
      }
      return undefined
    case 'joinExpired': {
      const member = builder.member(event.memberId)
      if (member !== undefined && member.classic !== null) builder.remove(event.memberId)
      return undefined
    }
    case 'resolutionDue':
      if (builder.resolvePatterns()) builder.refreshMetadata(true)
      return undefined
    case 'loaded':
      handleLoaded(builder)
      return undefined
    case 'deleted':
      builder.isDead = true
      return undefined
  }
}

function handleLoaded(builder: ConsumerGroupBuilder): void {
  const { sessionTimeoutMs } = builder.surroundings.limits
  for (const { memberId, memberEpoch, classic, state, rebalanceTimeoutMs } of builder.members) {
    builder.session(memberId, classic?.sessionTimeoutMs ?? sessionTimeoutMs)
    if (classic !== null || state !== 'UnrevokedPartitions') continue
    const timer = { name: 'rebalance', memberId, memberEpoch } as const
    builder.effects.push({ do: 'setTimer', timer, afterMs: rebalanceTimeoutMs, keep: false })
  }
}

function refusalOf(event: Event, refusal: Refusal): readonly Effect[] {
  const { errorCode } = refusal
  const unnamed = { errorCode, protocolType: null, protocolName: null }
  switch (event.type) {
    case 'heartbeat':
      return [{ do: 'answerHeartbeat', answer: refusedHeartbeat(refusal) }]
    case 'classicJoin': {
      const isNamed = errorCode === ErrorCode.MEMBER_ID_REQUIRED
      const memberId = isNamed ? event.newMemberId : event.memberId
      const nothing = { generationId: -1, leader: '', skipAssignment: false, members: [] }
      return [{ do: 'answerJoin', answer: { ...unnamed, ...nothing, memberId } }]
    }
    case 'classicSync':
      return [{ do: 'answerSync', answer: { ...unnamed, assignment: Buffer.alloc(0) } }]
    case 'classicHeartbeat':
      return [{ do: 'answerBeat', answer: errorCode }]
    default:
      return []
  }
}
