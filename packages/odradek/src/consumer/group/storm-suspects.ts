/**
 * Who may be behind a rebalance storm. Brokers keep the reasons of joins to themselves, so nobody
 * is convicted here: a suspect comes with what was seen and how much of the storm that explains.
 */
import type { StormSuspect } from '../../events/storm.ts'

/** A member as the leader of one generation saw it. */
export interface SeenMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  /** The generation whose assignment it last took; -1 when it does not say, or has none. */
  readonly generationId: number
}

/** One generation, as far as it was seen from here. */
export interface Round {
  readonly at: number
  readonly generationId: number
  /** Why this member joined, in its own words. */
  readonly reason: string
  /** Whether that has to do with itself, and is not an answer to what others did. */
  readonly isOwnDoing: boolean
  /** Absent where this member did not lead. */
  readonly members?: readonly SeenMember[] | undefined
  /** What was assigned (to everybody, if this member leads); absent when nothing was. */
  readonly assignment?: string | undefined
}

/** Something that changed between two generations that follow each other. */
interface Change {
  readonly kind: StormSuspect['kind']
  /** Members of one kind are one suspect: a member that comes back has another id. */
  readonly key: string
  readonly memberIds: readonly string[]
  readonly count: number
}

const NAMED_AT_MOST = 5
const HIGH = 0.7
const MEDIUM = 0.3

/** A restart changes the rest of a member id, which is random; static members keep their names. */
export function nameOf({ memberId, groupInstanceId }: SeenMember): string {
  if (groupInstanceId !== null) return groupInstanceId
  return memberId.replace(/-?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/, '')
}

/** What changed between rounds, as far as this member led both and none was missed. */
export function changesOf(rounds: readonly Round[]): readonly (readonly Change[])[] {
  return rounds.map((round, index) => {
    const before = rounds[index - 1]
    if (before?.members === undefined || round.members === undefined) return []
    return changesBetween(before.members, round.members, before.generationId)
  })
}

function changesBetween(
  before: readonly SeenMember[],
  now: readonly SeenMember[],
  generationBefore: number,
): readonly Change[] {
  const known = new Map(before.map((one) => [one.memberId, one]))
  const present = new Set(now.map(({ memberId }) => memberId))
  const come = now.filter(({ memberId }) => !known.has(memberId))
  const gone = before.filter(({ memberId }) => !present.has(memberId))
  const changes: Change[] = [...groupByName('comesAndGoes', [...come, ...gone])]
  for (const member of now) {
    const was = known.get(member.memberId)
    if (was === undefined) continue
    const memberIds = [member.memberId]
    const key = member.memberId
    if (was.topics.join() !== member.topics.join()) {
      changes.push({ kind: 'changesTopics', key, memberIds, count: 1 })
    }
    if (member.generationId >= 0 && member.generationId < generationBefore) {
      changes.push({ kind: 'absentAtSync', key, memberIds, count: 1 })
    }
  }
  return changes
}

function groupByName(kind: Change['kind'], members: readonly SeenMember[]): readonly Change[] {
  const byName = new Map<string, string[]>()
  for (const member of members) {
    const name = nameOf(member)
    byName.set(name, [...(byName.get(name) ?? []), member.memberId])
  }
  return [...byName].map(([key, memberIds]) => ({ kind, key, memberIds, count: memberIds.length }))
}

/**
 * How many changes a healthy group makes: in a rolling restart everybody goes and comes back once,
 * and may read other topics then.
 */
export function explainedChanges(rounds: readonly Round[]): number {
  const counts = new Map<string, number>()
  for (const { kind, key, count } of changesOf(rounds).flat()) {
    if (kind === 'absentAtSync') continue
    const id = `${kind} ${key}`
    counts.set(id, (counts.get(id) ?? 0) + count)
  }
  let explained = 0
  for (const [id, count] of counts) {
    const [kind = '', ...key] = id.split(' ')
    const allowed = kind === 'comesAndGoes' ? 2 * mostAtOnce(rounds, key.join(' ')) : 1
    explained += Math.min(count, allowed)
  }
  return explained
}

function mostAtOnce(rounds: readonly Round[], name: string): number {
  const counts = rounds.map(
    ({ members = [] }) => members.filter((one) => nameOf(one) === name).length,
  )
  return Math.max(...counts, 1)
}

export function suspectsAmong(rounds: readonly Round[]): readonly StormSuspect[] {
  const changes = changesOf(rounds)
  const compared = rounds.filter(
    ({ members }, index) => members !== undefined && rounds[index - 1]?.members !== undefined,
  ).length
  const suspects: StormSuspect[] = []
  const seen = new Set<string>()
  for (const { kind, key } of changes.flat()) {
    const id = `${kind} ${key}`
    if (seen.has(id)) continue
    seen.add(id)
    const ofKey = changes.map((list) => list.filter((one) => one.kind === kind && one.key === key))
    const hits = ofKey.filter(({ length }) => length > 0).length
    // Once is what a restart looks like.
    if (hits < 2) continue
    const memberIds = [...new Set(ofKey.flat().flatMap((one) => one.memberIds))]
    const evidence = describe(kind, { rounds, key, hits, compared, idCount: memberIds.length })
    suspects.push({
      kind,
      memberIds: memberIds.slice(-NAMED_AT_MOST),
      evidence,
      confidence: confidenceOf(hits / Math.max(1, compared)),
    })
  }
  const own = ownDoings(rounds)
  if (own !== undefined) suspects.push(own)
  return suspects.length > 0 ? suspects.sort(byConfidence) : [unseen(rounds, compared)]
}

interface Facts {
  readonly rounds: readonly Round[]
  readonly key: string
  readonly hits: number
  readonly compared: number
  readonly idCount: number
}

function describe(kind: StormSuspect['kind'], facts: Facts): string {
  const { rounds, key, hits, compared, idCount } = facts
  const often = `in ${hits} of ${compared} generations`
  switch (kind) {
    case 'comesAndGoes': {
      const most = mostAtOnce(rounds, key)
      return (
        `Members named "${key}" came or went ${often}: ${idCount} member ids, of which at most ` +
        `${most} at once. Look for restarts, crashes and expired sessions there.`
      )
    }
    case 'changesTopics':
      return (
        `"${key}" joined with other topics than before ${often}. Look for a subscription that is ` +
        'built anew each time.'
      )
    case 'absentAtSync':
      return (
        `"${key}" took part ${often} without having taken the assignment of the one before. Look ` +
        'for a member that is slower than the group: a blocked process, a slow revocation.'
      )
    default:
      return ''
  }
}

function ownDoings(rounds: readonly Round[]): StormSuspect | undefined {
  const own = rounds.filter(({ isOwnDoing }) => isOwnDoing)
  if (own.length < 2) return undefined
  const reasons = [...new Set(own.map(({ reason }) => `"${reason}"`))].slice(-3)
  return {
    kind: 'thisMember',
    memberIds: [],
    evidence:
      `This member joined for reasons of its own in ${own.length} of ${rounds.length} ` +
      `generations: ${reasons.join(', ')}.`,
    confidence: confidenceOf(own.length / rounds.length),
  }
}

function unseen(rounds: readonly Round[], compared: number): StormSuspect {
  const last = rounds.at(-1)?.members
  if (last === undefined || compared < 2) {
    return {
      kind: 'unknown',
      memberIds: [],
      evidence:
        'Only the leader of the group sees who takes part; from here nothing is seen but the ' +
        'generation. Look at what the leader reports, or compare the members some minutes apart.',
      confidence: 'low',
    }
  }
  return {
    kind: 'unknown',
    memberIds: last.map(({ memberId }) => memberId).slice(-NAMED_AT_MOST),
    evidence:
      `The same ${last.length} members with the same topics took part in all of ${compared + 1} ` +
      'generations: one of them joins again without need.',
    confidence: 'low',
  }
}

function confidenceOf(share: number): StormSuspect['confidence'] {
  if (share >= HIGH) return 'high'
  return share >= MEDIUM ? 'medium' : 'low'
}

const ORDER = ['high', 'medium', 'low'] as const

function byConfidence(a: StormSuspect, b: StormSuspect): number {
  return ORDER.indexOf(a.confidence) - ORDER.indexOf(b.confidence)
}
