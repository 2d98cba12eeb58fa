/**
 * Kafka's `range`: of each topic every member gets one run of consecutive partitions, the first
 * members one more when it does not divide evenly. Members who want the same topics get the same
 * partition numbers of each, which is what joins between topics rely on.
 *
 * Where racks make a difference (KIP-881) each member gets partitions near to it first, as many as
 * are its due, and runs are made of what is left over. Topics with the same readers and equally
 * many partitions go together even then: a partition number goes to who is near to it in all.
 */
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { Assignor, AssignorInput, GroupMember } from './assignor.ts'
import { compareText, inOrder } from './member-order.ts'
import { isNear, racksMatter, racksOf } from './racks.ts'

type Plan = Map<string, TopicPartition[]>

/** A topic while it is being given out. */
interface Topic {
  readonly name: string
  readonly readers: readonly GroupMember[]
  readonly racks: readonly ReadonlySet<string>[]
  readonly isRackAware: boolean
  readonly unassigned: Set<number>
  readonly assigned: Map<string, number>
  /** What everybody gets at least, and how many may still get one more. */
  readonly quota: number
  extras: number
}

export const range: Assignor = {
  name: 'range',
  protocol: 'eager',

  assign(input) {
    const ordered = inOrder(input.members)
    const plan: Plan = new Map(ordered.map(({ memberId }) => [memberId, []]))
    const topics = topicsOf(ordered, input)
    const isRackAware = topics.some((topic) => topic.isRackAware)
    if (isRackAware) giveNear(topics, plan)
    for (const topic of topics) giveRuns(topic, plan, () => '')
    if (!isRackAware) return plan
    for (const share of plan.values()) {
      share.sort((a, b) => compareText(a.topic, b.topic) || a.partition - b.partition)
    }
    return plan
  },
}

function topicsOf(ordered: readonly GroupMember[], input: AssignorInput): readonly Topic[] {
  const wanted = new Map(ordered.map(({ memberId, topics }) => [memberId, new Set(topics)]))
  const topics: Topic[] = []
  for (const name of [...input.partitionCounts.keys()].sort(compareText)) {
    const readers = ordered.filter(({ memberId }) => wanted.get(memberId)?.has(name))
    const count = input.partitionCounts.get(name) ?? 0
    if (readers.length === 0 || count === 0) continue
    const racks = racksOf(input, name)
    topics.push({
      name,
      readers,
      racks,
      isRackAware: racksMatter(readers, racks),
      unassigned: new Set(racks.keys()),
      assigned: new Map(),
      quota: Math.floor(count / readers.length),
      extras: count % readers.length,
    })
  }
  return topics
}

/** How many partitions are still a member's due. */
function dueOf({ quota, extras, assigned }: Topic, memberId: string): number {
  return Math.max(0, quota + (extras > 0 ? 1 : 0) - (assigned.get(memberId) ?? 0))
}

function give(topic: Topic, memberId: string, partitions: readonly number[], plan: Plan): void {
  const before = topic.assigned.get(memberId) ?? 0
  const now = before + partitions.length
  topic.assigned.set(memberId, now)
  if (now > topic.quota) topic.extras--
  for (const partition of partitions) {
    topic.unassigned.delete(partition)
    plan.get(memberId)?.push({ topic: topic.name, partition })
  }
}

/**
 * Gives each reader what is its due, from one list of partitions for each rack that readers are in:
 * each list is read once, from its beginning to its end, however many readers there are.
 */
function giveRuns(topic: Topic, plan: Plan, placeOf: (member: GroupMember) => string | null): void {
  const lists = new Map<string | null, { readonly partitions: readonly number[]; next: number }>()
  for (const member of topic.readers) {
    const place = placeOf(member)
    let list = lists.get(place)
    if (list === undefined) {
      const isHere = (one: number): boolean => place === '' || isNearIn(topic, member, one)
      list = { partitions: [...topic.unassigned].filter(isHere), next: 0 }
      lists.set(place, list)
    }
    const run: number[] = []
    for (const due = dueOf(topic, member.memberId); run.length < due; list.next++) {
      const partition = list.partitions[list.next]
      if (partition === undefined) break
      if (topic.unassigned.has(partition)) run.push(partition)
    }
    if (run.length > 0) give(topic, member.memberId, run, plan)
  }
}

function giveNear(topics: readonly Topic[], plan: Plan): void {
  const together = new Map<string, Topic[]>()
  for (const topic of topics) {
    if (topic.readers.every(({ rackId }) => rackId === null)) continue
    const readers = topic.readers.map(({ memberId }) => memberId)
    const key = JSON.stringify([topic.racks.length, ...readers])
    const others = together.get(key)
    if (others === undefined) together.set(key, [topic])
    else others.push(topic)
  }
  for (const group of together.values()) {
    const [first] = group
    if (group.length > 1) giveNearInAll(group, plan)
    else if (first?.isRackAware === true) {
      giveRuns(first, plan, ({ rackId }) => rackId)
    }
  }
}

function isNearIn({ racks }: Topic, { rackId }: GroupMember, partition: number): boolean {
  const known = racks[partition]
  return known !== undefined && isNear(rackId, known)
}

function giveNearInAll(topics: readonly Topic[], plan: Plan): void {
  const [first] = topics
  if (first === undefined) return
  // By rack, in order; whoever has its due in one of these topics has it in all.
  const byRack = new Map<string | null, { readonly readers: GroupMember[]; next: number }>()
  const orderOf = new Map(first.readers.map((member, order) => [member, order]))
  for (const member of first.readers) {
    const queue = byRack.get(member.rackId) ?? { readers: [], next: 0 }
    queue.readers.push(member)
    byRack.set(member.rackId, queue)
  }
  const isDue = (member: GroupMember): boolean =>
    topics.every((topic) => dueOf(topic, member.memberId) > 0)
  for (let partition = 0; partition < first.racks.length; partition++) {
    let reader: GroupMember | undefined
    for (const queue of byRack.values()) {
      let head = queue.readers[queue.next]
      while (head !== undefined && !isDue(head)) head = queue.readers[++queue.next]
      if (head === undefined) continue
      const one = head
      if (!topics.every((topic) => isNearIn(topic, one, partition))) continue
      if (reader === undefined || (orderOf.get(one) ?? 0) < (orderOf.get(reader) ?? 0)) reader = one
    }
    if (reader === undefined) continue
    for (const topic of topics) give(topic, reader.memberId, [partition], plan)
  }
}
