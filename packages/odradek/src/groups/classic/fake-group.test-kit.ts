/** Members of a classic group with their fake coordinator. */
import { type AnyApi, describeGroups } from '@odradek/protocol'
import { FakeMember, FakeMembers } from '../shell/fake-members.test-kit.ts'
import { resolveAssignors } from '../assignors/index.ts'
import {
  ClassicMembership,
  type ClassicMembershipOptions,
  type TracedStep,
} from './classic-membership.ts'
import { FakeCoordinator } from './fake-coordinator.test-kit.ts'

export class FakeGroup extends FakeMembers<FakeMembership> {
  readonly coordinator: FakeCoordinator

  constructor(topics: Readonly<Record<string, number>> = { orders: 6 }, seed = 7) {
    super(topics, seed)
    this.coordinator = new FakeCoordinator(this.world.process('coordinator').environment)
  }

  member(name: string, options: Partial<ClassicMembershipOptions> = {}): FakeMembership {
    return this.begin(name, new FakeMembership(this, name, options))
  }

  handle(api: AnyApi, body: object, answer: (body: object) => void): void {
    if (api === describeGroups) answer({ groups: [this.coordinator.describe()] })
    else this.coordinator.handle(api, body, answer)
  }
}

export class FakeMembership extends FakeMember<TracedStep> {
  readonly membership: ClassicMembership

  constructor(group: FakeGroup, name: string, options: Partial<ClassicMembershipOptions>) {
    super(group, name)
    this.membership = new ClassicMembership(
      this.asCluster,
      {
        groupId: 'readers',
        groupInstanceId: null,
        sessionTimeoutMs: 9000,
        heartbeatIntervalMs: 1000,
        rebalanceTimeoutMs: 12_000,
        topics: ['orders'],
        assignors: resolveAssignors(),
        clientRack: null,
        emitter: this.emitter,
        onStep: (step) => this.steps.push(step),
        ...options,
      },
      this.handler(),
    )
  }
}
