/**
 * What a coordinator says of a join that is under way, by which a lost one is told from a parked.
 */
import assert from 'node:assert/strict'
import { apis, type Kafka } from 'odradek'
import { scenario } from './clusters.ts'

const NO_GENERATION = -1
const { NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, MEMBER_ID_REQUIRED } = {
  NONE: 0,
  UNKNOWN_MEMBER_ID: 25,
  ILLEGAL_GENERATION: 22,
  MEMBER_ID_REQUIRED: 79,
}

/** A member that speaks the classic protocol request by request. */
class Speaker {
  readonly #kafka: Kafka
  readonly #nodeId: number
  readonly #groupId: string
  memberId = ''

  constructor(kafka: Kafka, nodeId: number, groupId: string) {
    this.#kafka = kafka
    this.#nodeId = nodeId
    this.#groupId = groupId
  }

  join() {
    const { memberId } = this
    const times = { sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 30_000 }
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const body = { groupId: this.#groupId, memberId, protocolType: 'consumer', protocols }
    const options = { nodeId: this.#nodeId, purpose: 'membership' } as const
    return this.#kafka.request(
      apis.JoinGroup,
      { ...body, ...times },
      { ...options, returnErrors: true },
    )
  }

  async sync(generationId: number): Promise<number> {
    const body = { groupId: this.#groupId, memberId: this.memberId, generationId }
    const { errorCode } = await this.#kafka.request(
      apis.SyncGroup,
      { ...body, protocolType: 'consumer', protocolName: 'range', assignments: [] },
      { returnErrors: true, nodeId: this.#nodeId, purpose: 'membership' },
    )
    return errorCode
  }

  async heartbeat(generationId: number): Promise<number> {
    const body = { groupId: this.#groupId, memberId: this.memberId, generationId }
    const options = { nodeId: this.#nodeId, purpose: 'heartbeat' } as const
    return (await this.#kafka.request(apis.Heartbeat, body, { ...options, returnErrors: true }))
      .errorCode
  }

  async leave(): Promise<void> {
    const members = [{ memberId: this.memberId, groupInstanceId: null }]
    const options = { nodeId: this.#nodeId, purpose: 'heartbeat' } as const
    await this.#kafka.request(
      apis.LeaveGroup,
      { groupId: this.#groupId, members },
      { ...options, returnErrors: true },
    )
  }
}

scenario(
  'a heartbeat without a generation tells whether the coordinator knows of a join',
  async (it) => {
    const groupId = it.uniqueName('watched')
    const kafka = it.client()
    await using admin = kafka.admin()
    // One broker, so it coordinates every group; the look-up makes it ready to.
    await admin.committedOffsets(groupId)
    const { brokers } = await kafka.request(apis.Metadata, { topics: [] }, { returnErrors: true })
    const nodeId = brokers[0]?.nodeId ?? 0
    const first = new Speaker(kafka, nodeId, groupId)
    const second = new Speaker(it.client(), nodeId, groupId)
    for (const one of [first, second]) {
      // The first join of a dynamic member is answered at once, whatever the group is about.
      const { errorCode, memberId } = await one.join()
      assert.equal(errorCode, MEMBER_ID_REQUIRED)
      one.memberId = memberId
      assert.equal(await one.heartbeat(NO_GENERATION), UNKNOWN_MEMBER_ID)
      if (one === second) break
      const joined = await one.join()
      assert.equal(joined.errorCode, NONE)
      assert.equal(await one.sync(joined.generationId), NONE)
    }
    // The group waits for the first member, who does not come back.
    const parked = second.join()
    let answer = UNKNOWN_MEMBER_ID
    while (answer === UNKNOWN_MEMBER_ID) answer = await second.heartbeat(NO_GENERATION)
    assert.equal(answer, ILLEGAL_GENERATION)
    await first.leave()
    assert.equal((await parked).errorCode, NONE)
    await second.leave()
  },
)
