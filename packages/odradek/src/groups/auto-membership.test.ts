import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import {
  type AnyApi,
  apiVersions,
  consumerGroupDescribe,
  describeGroups,
  ErrorCode,
} from '@odradek/protocol'
import type { Cluster } from '../cluster/index.ts'
import { ConnectionError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import { TypedEmitter } from '../events/emitter.ts'
import { AutoMembership } from './auto-membership.ts'
import type { Membership } from './shell/membership.ts'

interface Group {
  groupVersion: number
  consumers: number
  classics: number
  describeError: number
  isUnreachable: boolean
}

/** A cluster with one group, and a membership that has to find out what to be. */
class Fixture {
  readonly world = new VirtualWorld({ seed: 3 })
  readonly #process = this.world.process('member')
  readonly calls: string[] = []
  readonly stalls: unknown[] = []
  readonly group: Group = {
    ...{ groupVersion: 1, consumers: 0, classics: 0, describeError: 0, isUnreachable: false },
  }
  readonly membership: AutoMembership

  constructor() {
    const { environment } = this.#process
    const sleep = (delayMs: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        const end = (): void => {
          environment.timers.clear(timer)
          signal?.removeEventListener('abort', end)
          resolve()
        }
        const timer = environment.timers.set(delayMs, end)
        signal?.addEventListener('abort', end)
      })
    const answer = async (api: AnyApi): Promise<object> => {
      await sleep(2)
      if (this.group.isUnreachable) throw new ConnectionError('No broker.', 'tcp')
      return this.#answer(api)
    }
    const cluster = {
      environment,
      isClosed: false,
      options: { retryBackoffMs: 100, retryBackoffMaxMs: 1000 },
      sleep,
      requestAny: answer,
      requestCoordinator: async (_type: string, _key: string, api: AnyApi) => answer(api),
      forgetCoordinator: () => undefined,
    }
    const emitter = new TypedEmitter<ClientEvents>()
    emitter.on('groupProtocolChosen', ({ protocol, reason }) => {
      this.calls.push(`chosen ${protocol}: ${reason}`)
    })
    emitter.on('stalled', (event) => this.stalls.push(event))
    this.membership = new AutoMembership(cluster as unknown as Cluster, {
      groupId: 'g',
      rebalanceTimeoutMs: 60_000,
      emitter,
      make: (protocol) => this.#make(protocol),
    })
  }

  #answer(api: AnyApi): object {
    const { groupVersion, consumers, classics, describeError } = this.group
    if (api === apiVersions) {
      const finalizedFeatures = [{ name: 'group.version', maxVersionLevel: groupVersion }]
      const apiKeys = [{ apiKey: consumerGroupDescribe.apiKey }]
      return { errorCode: 0, finalizedFeatures, apiKeys }
    }
    const members = api === describeGroups ? classics : consumers
    const errorCode = describeError || (members > 0 ? 0 : ErrorCode.GROUP_ID_NOT_FOUND)
    return {
      groups: [
        { errorCode, errorMessage: null, members: Array.from({ length: members }, () => ({})) },
      ],
    }
  }

  #make(protocol: string): Membership {
    const note = (what: string) => () => void this.calls.push(`${protocol} ${what}`)
    return {
      start: note('start'),
      stamp: undefined,
      assigned: [],
      setTopics: (topics) => void this.calls.push(`${protocol} reads ${topics.join()}`),
      rejoin: note('rejoin'),
      handleStampRefused: note('refused'),
      isSessionAlive: () => true,
      leave: async () => void this.calls.push(`${protocol} leave`),
    }
  }

  async leave(): Promise<void> {
    const options = { group: 'leave', reason: 'over', deadline: 1e9 } as const
    await this.world.run(this.membership.leave(options))
    await this.world.advance(5000)
    assert.equal(this.#process.leaks().timers, 0)
  }
}

const CASES: readonly (readonly [string, Partial<Group>, string])[] = [
  ['an empty group', {}, 'chosen consumer: the group has no members'],
  ['live consumers', { consumers: 2 }, 'chosen consumer: the members of the group speak it'],
  ['live classic members', { classics: 2 }, 'chosen classic: the members of the group speak it'],
  [
    'a cluster without the feature',
    { groupVersion: 0, consumers: 1 },
    'chosen classic: the cluster has not finalized group.version 1',
  ],
]
for (const [name, group, chosen] of CASES) {
  test(`auto: ${name}`, async () => {
    const it = new Fixture()
    Object.assign(it.group, group)
    it.membership.start()
    await it.world.advance(1000)
    const protocol = chosen.split(/[ :]/)[1] ?? ''
    assert.deepEqual(it.calls, [chosen, `${protocol} start`])
    await it.leave()
    assert.equal(it.calls.at(-1), `${protocol} leave`)
  })
}

test('auto: decided once, whatever the group becomes; topics that changed meanwhile count', async () => {
  const it = new Fixture()
  it.membership.start()
  it.membership.setTopics(['bills'])
  assert.deepEqual([it.membership.stamp, it.membership.isSessionAlive()], [undefined, false])
  await it.world.advance(1000)
  it.group.classics = 3
  it.membership.start()
  await it.world.advance(1000)
  const [, ...calls] = it.calls
  assert.deepEqual(calls, ['consumer reads bills', 'consumer start', 'consumer start'])
})

test('auto: what may pass is waited for, and told; leaving ends the wait', async () => {
  const it = new Fixture()
  it.group.isUnreachable = true
  it.membership.start()
  await it.world.advance(20_000)
  assert.equal(it.calls.length, 0)
  assert.ok(it.stalls.length > 0)
  await it.leave()
  it.group.isUnreachable = false
  await it.world.advance(20_000)
  assert.equal(it.calls.length, 0)
})

test('auto: who may not look is classic, which works in either group', async () => {
  const it = new Fixture()
  it.group.consumers = 1
  it.group.describeError = ErrorCode.GROUP_AUTHORIZATION_FAILED
  it.membership.start()
  await it.world.advance(1000)
  assert.match(it.calls[0] ?? '', /^chosen classic: .*GROUP_AUTHORIZATION_FAILED/)
})
