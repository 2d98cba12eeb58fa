// Classic groups in random trouble; see shell/trouble.test-kit.ts for what must hold.
import { test } from 'node:test'
import {
  type AnyApi,
  ErrorCode,
  heartbeat,
  joinGroup,
  leaveGroup,
  syncGroup,
} from '@odradek/protocol'
import { playSeeds, TOPICS, Trouble } from '../shell/trouble.test-kit.ts'
import { range, resolveAssignors, roundRobin, sticky } from '../assignors/index.ts'
import { FakeGroup, type FakeMembership } from './fake-group.test-kit.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 30)
const APIS: readonly AnyApi[] = [joinGroup, syncGroup, heartbeat, leaveGroup]
/**
 * Not joins and syncs: a member whose join vanishes while its heartbeats go on is dropped after the
 * rebalance timeout, and hears of it a heartbeat later than those who get its partitions.
 */
const SWALLOWED: readonly AnyApi[] = [heartbeat, leaveGroup]
const CODES: Readonly<Record<string, readonly number[]>> = {
  JoinGroup: [
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.REBALANCE_IN_PROGRESS,
    -1,
    9999,
  ],
  SyncGroup: [ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.NOT_COORDINATOR],
  Heartbeat: [ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, -1],
  LeaveGroup: [ErrorCode.COORDINATOR_NOT_AVAILABLE],
}

class ClassicTrouble extends Trouble<FakeMembership, FakeGroup> {
  readonly #assignors

  constructor(seed: number) {
    super(new FakeGroup(TOPICS, seed))
    const eager = [range, sticky, roundRobin][(seed / 5) % 3]
    // Every fifth group is eager, by one assignor or another.
    this.#assignors = eager === undefined ? resolveAssignors() : [eager]
  }

  protected make(name: string, topics: readonly string[]): FakeMembership {
    const member = this.group.member(name, { topics, assignors: this.#assignors })
    member.revokedMs = this.below(800)
    member.joiningMs = this.below(300)
    return member
  }

  protected readonly acts = [
    (): string => {
      const api = this.pick(APIS)
      const code = this.pick(CODES[api.name] ?? [])
      this.group.coordinator.onNext(api, code, 1 + this.below(3))
      return `${api.name} refused with ${code}`
    },
    (): string => {
      const api = this.pick(SWALLOWED)
      this.group.coordinator.onNext(api, 'swallow')
      return `${api.name} swallowed`
    },
    (): string => {
      const { living } = this
      if (living.length > 0) this.pick(living).membership.rejoin('a whim')
      return 'rejoin'
    },
  ]

  protected get rebalances(): number {
    return this.group.coordinator.generationId
  }

  protected topicsOf({ steps }: FakeMembership): readonly string[] {
    const state = steps.at(-1)?.to
    return state !== undefined && 'member' in state ? state.member.topics : []
  }
}

test(`${SEEDS} groups in random trouble keep one reader per partition and come to rest`, () =>
  playSeeds(SEEDS, (seed) => new ClassicTrouble(seed)))
