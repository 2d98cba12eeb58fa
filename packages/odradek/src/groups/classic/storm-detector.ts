/**
 * Detects rebalance storms: generations that follow each other faster than what is seen to happen
 * explains. Pure: rounds go in; a storm comes out, with the growth of the generation, whether
 * anything changed, and the members that came and went.
 *
 * A leader sees who takes part. A member that leaves or joins costs a cooperative group up to two
 * generations, and one more if it is caught between join and sync; when every member left and came
 * back once, that is a rolling restart and no storm. What is left unexplained counts. Other members
 * see only their own assignment: as long as that changes, there is a reason to rebalance.
 */
import type { RebalanceStorm } from '../../events/rebalance-storm.ts'

/** A member as the leader of one generation saw it. */
export interface SeenMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
}

/** One generation, as far as this member saw it. */
export interface Round {
  /** By the monotonic clock. */
  readonly at: number
  readonly generationId: number
  /** Why this member joined. */
  readonly reason: string
  /** It joined for a reason of its own, not in response to others. */
  readonly isOwnDoing: boolean
  /** Absent unless this member leads. */
  readonly members?: readonly SeenMember[] | undefined
  /** What was assigned (to every member, if this one leads); absent when nothing was. */
  readonly assignment?: string | undefined
}

/** Rounds before this are another story. */
const WINDOW_MS = 600_000
/** A storm that lasts is reported again after this time, with what came since. */
const REPEAT_MS = 60_000
/** A group that was stable for this long has recovered: older rounds do not count. */
const STABLE_MS = 120_000
const GENERATIONS_PER_CHANGE = 3
const UNEXPLAINED_TO_LEADER = 6
const UNEXPLAINED_TO_OTHERS = 10
const NAMED_AT_MOST = 20

export type DetectedStorm = Omit<RebalanceStorm, 'groupId' | 'memberId'>

export class StormDetector {
  #rounds: Round[] = []
  #reportedAt = Number.NEGATIVE_INFINITY

  /** This member is in a new generation. Returns the storm that it completes, if any. */
  joined(round: Round): DetectedStorm | undefined {
    const last = this.#rounds.at(-1)
    // Generations are counted from 1 again when the coordinator has forgotten the group.
    const isRestart =
      last !== undefined &&
      (round.generationId <= last.generationId || round.at - last.at > STABLE_MS)
    if (isRestart) this.#rounds = []
    this.#rounds = [...this.#rounds.filter(({ at }) => round.at - at <= WINDOW_MS), round]
    if (!this.#isStorm || round.at - this.#reportedAt < REPEAT_MS) return undefined
    this.#reportedAt = round.at
    const rounds = this.#rounds
    // The newest round stays: what comes next is compared with it.
    this.#rounds = [round]
    return {
      generationId: round.generationId,
      generations: growthOf(rounds),
      withinMs: round.at - (rounds[0]?.at ?? round.at),
      hasAssignmentChanged: assignmentChanges(rounds) > 0,
      isLeader: round.members !== undefined,
      membersJoined: idsOf(rounds, ({ come }) => come),
      membersLeft: idsOf(rounds, ({ gone }) => gone),
      ownReasons: ownReasonsOf(rounds),
    }
  }

  /** What the newest generation assigned. */
  synced(assignment: string): void {
    const last = this.#rounds.at(-1)
    if (last !== undefined) this.#rounds = [...this.#rounds.slice(0, -1), { ...last, assignment }]
  }

  get #isStorm(): boolean {
    const rounds = this.#rounds
    const isLeader = rounds.at(-1)?.members !== undefined
    const explained = isLeader ? explainedChanges(rounds) : assignmentChanges(rounds)
    const unexplained = growthOf(rounds) - explained * GENERATIONS_PER_CHANGE
    return unexplained >= (isLeader ? UNEXPLAINED_TO_LEADER : UNEXPLAINED_TO_OTHERS)
  }
}

function growthOf(rounds: readonly Round[]): number {
  return (rounds.at(-1)?.generationId ?? 0) - (rounds[0]?.generationId ?? 0)
}

/** Between rounds that led to an assignment, as far as this member had the same role in both. */
function assignmentChanges(rounds: readonly Round[]): number {
  const settled = rounds.filter(({ assignment }) => assignment !== undefined)
  return settled.filter((round, index) => {
    const before = settled[index - 1]
    if (before === undefined) return false
    const hadSameRole = (before.members === undefined) === (round.members === undefined)
    return hadSameRole && before.assignment !== round.assignment
  }).length
}

interface Change {
  readonly come: readonly SeenMember[]
  readonly gone: readonly SeenMember[]
  /** Members that joined with other topics than before. */
  readonly resubscribed: readonly SeenMember[]
}

/** What changed between two rounds that this member led, one after the other. */
function changesOf(rounds: readonly Round[]): readonly Change[] {
  return rounds.flatMap((round, index) => {
    const before = rounds[index - 1]?.members
    if (before === undefined || round.members === undefined) return []
    const known = new Map(before.map((one) => [one.memberId, one]))
    const present = new Set(round.members.map(({ memberId }) => memberId))
    const resubscribed = round.members.filter(({ memberId, topics }) => {
      const was = known.get(memberId)
      return was !== undefined && was.topics.join() !== topics.join()
    })
    const come = round.members.filter(({ memberId }) => !known.has(memberId))
    const gone = before.filter(({ memberId }) => !present.has(memberId))
    return [{ come, gone, resubscribed }]
  })
}

/** A restart changes the random rest of a member id; static members keep their instance id. */
function nameOf({ memberId, groupInstanceId }: SeenMember): string {
  if (groupInstanceId !== null) return groupInstanceId
  return memberId.replace(/-?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/, '')
}

/**
 * How many changes a healthy group makes: in a rolling restart each member leaves and comes back
 * once, and may have other topics then.
 */
function explainedChanges(rounds: readonly Round[]): number {
  const moves = new Map<string, number>()
  const resubscribed = new Set<string>()
  for (const change of changesOf(rounds)) {
    for (const member of [...change.come, ...change.gone]) {
      const name = nameOf(member)
      moves.set(name, (moves.get(name) ?? 0) + 1)
    }
    for (const { memberId } of change.resubscribed) resubscribed.add(memberId)
  }
  let explained = resubscribed.size
  for (const [name, count] of moves) explained += Math.min(count, 2 * mostAtOnce(rounds, name))
  return explained
}

function mostAtOnce(rounds: readonly Round[], name: string): number {
  const counts = rounds.map(
    ({ members = [] }) => members.filter((one) => nameOf(one) === name).length,
  )
  return Math.max(...counts, 1)
}

function idsOf(
  rounds: readonly Round[],
  of: (change: Change) => readonly SeenMember[],
): readonly string[] {
  const ids = changesOf(rounds).flatMap((change) => of(change).map(({ memberId }) => memberId))
  return [...new Set(ids)].slice(-NAMED_AT_MOST)
}

function ownReasonsOf(rounds: readonly Round[]): readonly string[] {
  const reasons = rounds.filter(({ isOwnDoing }) => isOwnDoing).map(({ reason }) => reason)
  return [...new Set(reasons)]
}
