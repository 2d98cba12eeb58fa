/** Members of a KIP-848 group with their fake coordinator. */
import {
  type AnyApi,
  consumerGroupHeartbeat,
  describeConfigs,
  metadata as metadataApi,
} from '@odradek/protocol'
import { FakeMember, FakeMembers } from '../shell/fake-members.test-kit.ts'
import {
  ConsumerMembership,
  type ConsumerMembershipOptions,
  type TracedStep,
} from './consumer-membership.ts'
import { FakeConsumerCoordinator } from './fake-consumer-coordinator.test-kit.ts'

const SESSION_TIMEOUT_MS = 9000
const UNKNOWN_TOPIC_ID = 100

export class FakeConsumerGroup extends FakeMembers<FakeMembership> {
  readonly coordinator: FakeConsumerCoordinator
  /** Whether the broker tells how long a session is. */
  tellsSession = true

  constructor(topics: Readonly<Record<string, number>> = { orders: 6 }, seed = 7) {
    super(topics, seed)
    const { environment } = this.world.process('coordinator')
    this.coordinator = new FakeConsumerCoordinator(environment, this.topics, SESSION_TIMEOUT_MS)
  }

  member(name: string, options: Partial<ConsumerMembershipOptions> = {}): FakeMembership {
    return this.begin(name, new FakeMembership(this, name, options))
  }

  handle(api: AnyApi, body: object, answer: (body: object) => void): void {
    if (api !== consumerGroupHeartbeat) throw new Error(`No ${api.name} here.`)
    this.coordinator.handle(body as Parameters<FakeConsumerCoordinator['handle']>[0], answer)
  }

  override handleAny(api: AnyApi, body: object): object {
    if (api === describeConfigs) {
      const value = String(this.coordinator.sessionTimeoutMs)
      const configs = [{ name: 'consumer.session.timeout.ms', value }]
      return { results: [{ errorCode: 0, configs: this.tellsSession ? configs : [] }] }
    }
    if (api !== metadataApi) return super.handleAny(api, body)
    const { topics } = body as { readonly topics: readonly { readonly topicId: string }[] }
    return {
      topics: topics.map(({ topicId }) => {
        const name = topicId.replace('id-of-', '')
        const isThere = this.topics.has(name) && !this.hiddenTopics.has(name)
        const errorCode = isThere ? 0 : UNKNOWN_TOPIC_ID
        return { name: isThere ? name : null, topicId, errorCode }
      }),
    }
  }
}

export class FakeMembership extends FakeMember<TracedStep> {
  readonly membership: ConsumerMembership

  constructor(group: FakeConsumerGroup, name: string, options: Partial<ConsumerMembershipOptions>) {
    super(group, name)
    this.membership = new ConsumerMembership(
      this.asCluster,
      {
        groupId: 'readers',
        groupInstanceId: null,
        rebalanceTimeoutMs: 12_000,
        topics: ['orders'],
        topicPattern: null,
        groupRemoteAssignor: null,
        clientRack: null,
        emitter: this.emitter,
        onStep: (step) => this.steps.push(step),
        ...options,
      },
      this.handler(),
    )
  }

  get epoch(): number {
    return this.membership.stamp?.generationIdOrMemberEpoch ?? 0
  }
}
