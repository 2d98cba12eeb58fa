/** A member that speaks the classic protocol request by request, with any bytes. */
import { apis, type Kafka } from 'odradek'

const MEMBER_ID_REQUIRED = 79

export interface SpeakerOptions {
  /** The subscription, for each assignor. */
  readonly protocols?: Readonly<Record<string, Buffer>>
}

export class Speaker {
  readonly #kafka: Kafka
  readonly #nodeId: number
  readonly #groupId: string
  readonly #protocols: Readonly<Record<string, Buffer>>
  memberId = ''

  constructor(kafka: Kafka, nodeId: number, groupId: string, options: SpeakerOptions = {}) {
    this.#kafka = kafka
    this.#nodeId = nodeId
    this.#groupId = groupId
    this.#protocols = options.protocols ?? { range: Buffer.alloc(0) }
  }

  /** In a cluster of one broker, which coordinates every group. */
  static async of(kafka: Kafka, groupId: string, options: SpeakerOptions = {}): Promise<Speaker> {
    // The look-up makes the broker ready to coordinate.
    await using admin = kafka.admin()
    await admin.committedOffsets(groupId)
    const { brokers } = await kafka.request(apis.Metadata, { topics: [] }, { returnErrors: true })
    return new Speaker(kafka, brokers[0]?.nodeId ?? 0, groupId, options)
  }

  join() {
    const { memberId } = this
    const times = { sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 30_000 }
    const protocols = Object.entries(this.#protocols).map(([name, metadata]) => ({
      name,
      metadata,
    }))
    const body = { groupId: this.#groupId, memberId, protocolType: 'consumer', protocols }
    const options = { nodeId: this.#nodeId, purpose: 'membership' } as const
    return this.#kafka.request(
      apis.JoinGroup,
      { ...body, ...times },
      { ...options, returnErrors: true },
    )
  }

  /** Joins with the id that the first attempt was given. */
  async joinWithId() {
    const first = await this.join()
    if (first.errorCode !== MEMBER_ID_REQUIRED) return first
    this.memberId = first.memberId
    return this.join()
  }

  sync(
    generationId: number,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[] = [],
  ) {
    const body = { groupId: this.#groupId, memberId: this.memberId, generationId }
    return this.#kafka.request(
      apis.SyncGroup,
      { ...body, protocolType: 'consumer', protocolName: 'range', assignments },
      { returnErrors: true, nodeId: this.#nodeId, purpose: 'membership' },
    )
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
