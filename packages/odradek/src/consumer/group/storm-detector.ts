/**
 * Notices that a group rebalances again and again (a rebalance storm): generations follow each
 * other faster than what is seen to happen explains. Pure: rounds go in, a storm comes out, with
 * the growth of the generation, whether anything changed, and suspects with evidence.
 *
 * A leader sees who takes part. A member that goes or comes costs a cooperative group up to two
 * generations, and one more if it is caught between join and sync; when everybody went and came
 * back once, that is a rolling restart and no storm. What is left unexplained counts. Others
 * see only their own assignment: as long as that changes, something is going on.
 */
import type { Storm } from '../../events/storm.ts'
import { explainedChanges, type Round, suspectsAmong } from './storm-suspects.ts'

/** What happened longer ago belongs to another story. */
const WINDOW_MS = 600_000
/** A storm that goes on is told again after so long, with what came since. */
const REPEAT_MS = 60_000
const GENERATIONS_PER_CHANGE = 3
const UNEXPLAINED_TO_LEADER = 6
const UNEXPLAINED_TO_OTHERS = 10
/** A group that settled for so long is at peace: older rounds do not count any more. */
const PEACE_MS = 120_000

export class StormDetector {
  #rounds: Round[] = []
  #toldAt = Number.NEGATIVE_INFINITY

  /** This member is in a new generation; gives the storm that it is part of, if there is one. */
  joined(round: Round): Omit<Storm, 'groupId' | 'memberId'> | undefined {
    const last = this.#rounds.at(-1)
    // Ids of generations begin anew when the coordinator has forgotten the group.
    const isNewStory =
      last !== undefined &&
      (round.generationId <= last.generationId || round.at - last.at > PEACE_MS)
    if (isNewStory) this.#rounds = []
    this.#rounds = [...this.#rounds.filter(({ at }) => round.at - at <= WINDOW_MS), round]
    if (!this.isGathering || round.at - this.#toldAt < REPEAT_MS) return undefined
    this.#toldAt = round.at
    const rounds = this.#rounds
    // The newest round stays: the next story begins where this one ends.
    this.#rounds = [round]
    const isLeader = round.members !== undefined
    return {
      generationId: round.generationId,
      generations: growthOf(rounds),
      withinMs: round.at - (rounds[0]?.at ?? round.at),
      hasAssignmentChanged: assignmentChanges(rounds) > 0,
      isLeader,
      suspects: suspectsAmong(rounds),
    }
  }

  /** What the newest generation assigned. */
  synced(assignment: string): void {
    const last = this.#rounds.at(-1)
    if (last !== undefined) this.#rounds = [...this.#rounds.slice(0, -1), { ...last, assignment }]
  }

  /** Whether the generations grow faster than is explained by what is seen. */
  get isGathering(): boolean {
    return this.#unexplained >= this.#limit
  }

  /** Half way to a storm: time to take note of who is there. */
  get isStirring(): boolean {
    return this.#unexplained * 2 >= this.#limit
  }

  get #isLeader(): boolean {
    return this.#rounds.at(-1)?.members !== undefined
  }

  get #limit(): number {
    return this.#isLeader ? UNEXPLAINED_TO_LEADER : UNEXPLAINED_TO_OTHERS
  }

  get #unexplained(): number {
    const rounds = this.#rounds
    const explained = this.#isLeader ? explainedChanges(rounds) : assignmentChanges(rounds)
    return growthOf(rounds) - explained * GENERATIONS_PER_CHANGE
  }
}

function growthOf(rounds: readonly Round[]): number {
  return (rounds.at(-1)?.generationId ?? 0) - (rounds[0]?.generationId ?? 0)
}

/** Between rounds that led to an assignment, as far as this member was in the same role. */
function assignmentChanges(rounds: readonly Round[]): number {
  const settled = rounds.filter(({ assignment }) => assignment !== undefined)
  return settled.filter((round, index) => {
    const before = settled[index - 1]
    if (before === undefined) return false
    const hadSameRole = (before.members === undefined) === (round.members === undefined)
    return hadSameRole && before.assignment !== round.assignment
  }).length
}
