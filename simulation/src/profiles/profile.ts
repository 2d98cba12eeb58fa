/** What a cluster is like: how many brokers, how far away, how fast, and how they are set up. */
import type { BrokerOptions } from '@odradek/broker'
import type { LinkRule } from '@odradek/environment'

export interface Profile {
  readonly name: string
  readonly text: string
  readonly broker: BrokerOptions
  readonly link: LinkRule
}

export const PROFILES: readonly Profile[] = [
  {
    name: 'single',
    text: 'one broker next door',
    broker: { brokers: 1 },
    link: { latencyMs: [1, 3] },
  },
  {
    name: 'three',
    text: 'three brokers in one data centre',
    broker: { brokers: 3 },
    link: { latencyMs: [1, 15] },
  },
  {
    name: 'slow',
    text: 'three brokers far away, over a thin line',
    broker: { brokers: 3, coordinatorLoadMs: 1000 },
    link: { latencyMs: [30, 150], bytesPerMs: 100 },
  },
  {
    name: 'managed',
    text: 'three brokers of a provider: groups gather first, failures are noticed late',
    broker: {
      brokers: 3,
      groupInitialRebalanceDelayMs: 3000,
      coordinatorLoadMs: 2000,
      brokerSessionTimeoutMs: 9000,
    },
    link: { latencyMs: [1, 40] },
  },
]
