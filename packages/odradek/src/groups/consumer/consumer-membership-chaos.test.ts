// KIP-848 groups in random trouble; see shell/trouble.test-kit.ts for what must hold.
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { playSeeds, TOPICS, Trouble } from '../shell/trouble.test-kit.ts'
import type { Fault } from './fake-consumer-coordinator.test-kit.ts'
import { FakeConsumerGroup, type FakeMembership } from './fake-consumer-group.test-kit.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 40)
const FAULTS: readonly Fault[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  -1,
  9999,
  'swallow',
  'swallowAnswer',
]

class ConsumerTrouble extends Trouble<FakeMembership, FakeConsumerGroup> {
  protected make(name: string, topics: readonly string[]): FakeMembership {
    const groupInstanceId = this.below(3) === 0 ? name : null
    const member = this.group.member(name, { topics, groupInstanceId })
    member.revokedMs = this.below(3000)
    member.assignedMs = this.below(300)
    return member
  }

  protected readonly acts = [
    (): string => {
      const fault = this.pick(FAULTS)
      this.group.coordinator.onNext(fault, 1 + this.below(3))
      return `refused with ${typeof fault === 'function' ? '' : fault}`
    },
    (): string => {
      const { living } = this
      if (living.length > 0) this.pick(living).membership.rejoin('a whim')
      this.group.coordinator.bump()
      return 'bump'
    },
    (): string => {
      const { hiddenTopics } = this.group
      if (hiddenTopics.delete('bills')) return 'bills is seen again'
      hiddenTopics.add('bills')
      return 'bills is hidden'
    },
  ]

  protected get rebalances(): number {
    return this.group.coordinator.groupEpoch
  }

  protected topicsOf({ steps }: FakeMembership): readonly string[] {
    const state = steps.at(-1)?.to
    return state !== undefined && 'member' in state ? state.member.subscription.topics : []
  }
}

test(`${SEEDS} groups in random trouble keep one reader per partition and come to rest`, () =>
  playSeeds(SEEDS, (seed) => new ConsumerTrouble(new FakeConsumerGroup(TOPICS, seed))))
