/**
 * What may go wrong, as data: a plan is a list of these, decided by the seed before the run begins.
 * Times are virtual milliseconds from the start of the run.
 */
import type { ApiName, ErrorName } from '@odradek/broker'

interface Once {
  readonly atMs: number
}

interface Lasting extends Once {
  readonly forMs: number
}

export type Fault =
  /** A graceful stop, and a start `forMs` later. */
  | (Lasting & { readonly kind: 'brokerRestart'; readonly nodeId: number })
  /** Cut off in the middle of everything; `silently` as when the machine loses its power. */
  | (Lasting & {
      readonly kind: 'brokerKill'
      readonly nodeId: number
      readonly silently: boolean
    })
  /** SIGSTOP and SIGCONT, too short for the cluster to notice: clients wait. */
  | (Lasting & { readonly kind: 'brokerPause'; readonly nodeId: number })
  /** The connections of a client and a broker are reset, swallowed without a word, or half open. */
  | (Once & {
      readonly kind: 'connectionLoss'
      readonly how: 'reset' | 'swallow' | 'halfOpen'
      readonly client: string
      readonly nodeId: number
    })
  /** Bytes wait, in one direction or both. */
  | (Lasting & {
      readonly kind: 'partition'
      readonly client: string
      readonly nodeId: number
      readonly direction: 'both' | 'toBroker' | 'fromBroker'
    })
  /** A member's process ends, and another takes its place `forMs` later. */
  | (Lasting & {
      readonly kind: 'memberKill'
      readonly member: string
      readonly silently: boolean
    })
  /** SIGSTOP and SIGCONT. */
  | (Lasting & { readonly kind: 'memberPause'; readonly member: string })
  /** The event loop computes. */
  | (Lasting & { readonly kind: 'loopBlock'; readonly client: string })
  | (Once & {
      readonly kind: 'clockSkew'
      readonly client: string
      readonly clock: 'wall' | 'monotonic'
      readonly byMs: number
    })
  | (Once & { readonly kind: 'coordinatorMove'; readonly groupId: string; readonly nodeId: number })
  | (Once & {
      readonly kind: 'leaderMove'
      readonly topic: string
      readonly partition: number
      readonly nodeId: number
    })
  /** Requests of one kind are answered with an error, late, not at all, or handled and cut off. */
  | (Lasting & {
      readonly kind: 'brokerAnswers'
      readonly api: ApiName
      readonly nodeId: number | undefined
      readonly times: number
      readonly error?: ErrorName
      readonly delayMs?: number
      readonly disconnect?: 'before' | 'after'
      readonly dropAnswer?: boolean
    })

  /**
   * An unclean election: the end of a log is lost, so many records or a few more (whole batches).
   */
  | (Once & {
      readonly kind: 'truncation'
      readonly topic: string
      readonly partition: number
      readonly records: number
    })
  /** Retention: of a log no more than the newest records are kept, whoever has read the others. */
  | (Once & {
      readonly kind: 'expiry'
      readonly topic: string
      readonly partition: number
      readonly keep: number
    })
  /** A topic gets so many more partitions. */
  | (Once & { readonly kind: 'topicGrowth'; readonly topic: string; readonly more: number })
  /** A topic is deleted, and `forMs` later (0: at once) there is another of the same name. */
  | (Lasting & {
      readonly kind: 'topicRecreation'
      readonly topic: string
      readonly partitions: number
    })
  /** A broker takes so long over every request, or over those of one kind: a disk that is slow. */
  | (Lasting & {
      readonly kind: 'brokerSlow'
      readonly nodeId: number
      readonly api: ApiName | undefined
      readonly delayMs: number
    })
  /** A broker answers, and asks to be left in peace for so long (KIP-219). */
  | (Lasting & {
      readonly kind: 'throttling'
      readonly nodeId: number
      readonly throttleTimeMs: number
      readonly times: number
    })

export type FaultKind = Fault['kind']
export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>
