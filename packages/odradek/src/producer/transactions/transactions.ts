/**
 * The transactions of a producer, one after the other: the shell around `transaction.machine.ts`.
 * It opens a transaction, lets user code write, waits until every write has its last word, commits
 * the offsets that were consumed, and ends it. User code that takes too long is not waited for: the
 * transaction is aborted at its timeout, so that it never holds up those who read.
 */
import type { Timer } from '@odradek/environment'
import { BrokerError, ErrorCode, type KafkaError } from '@odradek/protocol'
import { withDeadline } from '../../async/deadline.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { TimeoutError, TransactionAbortedError, UsageError } from '../../errors/errors.ts'
import { onAbort } from '../../async/on-abort.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import { withOutcome } from '../batch.ts'
import { asKafkaError } from '../delivery.ts'
import { ConsumedOffsets } from './consumed-offsets.ts'
import { Transaction, type TransactionWriter } from './transaction.ts'
import { TransactionCoordinator, type TransactionProtocol } from './transaction-coordinator.ts'
import { type Effect, type Event, INITIAL, type State, transition } from './transaction.machine.ts'
import {
  hasGroupGoneOn,
  isFenced,
  isOfAnotherEpoch,
  isUnclear,
  transactionReaction,
} from './transaction-reaction.ts'

export interface TransactionsOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** The producer that transactions write with. */
export interface TransactionsOwner extends Omit<TransactionWriter, 'fail'> {
  /** What has no sequence number yet fails with this. */
  dropUnsent(error: KafkaError): void
  /** Settles when everything that was sent and written so far has its last word. */
  drain(): Promise<void>
  /** The same of what is in a batch already: what still waits for its place is refused one. */
  settled(): Promise<void>
  /** Something may be sent that could not be before. */
  wake(): void
}

/** Between a `transaction(...)` and the last word about it. */
class Turn {
  readonly consumed = new ConsumedOffsets()
  readonly controller = new AbortController()
  /** Why user code is not waited for any longer. */
  readonly cut: Promise<{ readonly reason: unknown }>
  readonly #cutting = new AbortController()
  #resolveCut: (cut: { readonly reason: unknown }) => void = () => undefined
  timer: Timer | undefined
  /** Calls of the effects that the machine wants. */
  onOpen: () => void = () => undefined
  onSettled: (outcome: { readonly isCommitted: boolean; readonly reason?: unknown }) => void = () =>
    undefined

  constructor() {
    this.cut = new Promise((resolve) => {
      this.#resolveCut = resolve
    })
  }

  /** Aborts when user code is not waited for any longer. */
  get signal(): AbortSignal {
    return this.#cutting.signal
  }

  cutShort(reason: unknown): void {
    this.#resolveCut({ reason })
    this.#cutting.abort(reason)
  }
}

/** How long a group that is joining may keep a commit waiting between looks at it. */
const STABLE_CHECK_MS = 20
/** How much of the time for closing user code may use; the rest is for ending the transaction. */
const USER_SHARE = 0.7

export class Transactions {
  readonly transactionalId: string
  readonly #cluster: Cluster
  readonly #options: TransactionsOptions
  readonly #owner: TransactionsOwner
  readonly #coordinator: TransactionCoordinator
  readonly #closing = new AbortController()
  /** Partitions that this transaction has (only the older protocol asks). */
  readonly #added = new Set<string>()
  readonly #toAdd = new Map<string, TopicPartition>()
  #adding: Promise<void> | undefined
  #protocol: TransactionProtocol | undefined
  /** The coordinator confirmed a transaction of the current ids, and no end of it is unclear. */
  #isConfirmed = false
  #state: State = INITIAL
  #turn: Turn | undefined
  #running: Promise<unknown> | undefined

  constructor(cluster: Cluster, options: TransactionsOptions, owner: TransactionsOwner) {
    const { transactionalId, transactionTimeoutMs, requestTimeoutMs } = options
    this.#cluster = cluster
    this.#options = options
    this.#owner = owner
    this.transactionalId = transactionalId
    this.#coordinator = new TransactionCoordinator(cluster, {
      transactionalId,
      transactionTimeoutMs,
      // After that the coordinator has aborted by itself what it did not hear the end of.
      patienceMs: transactionTimeoutMs + requestTimeoutMs,
    })
  }

  /** Whether a transaction takes records right now. */
  get isOpen(): boolean {
    return this.#state.name === 'open'
  }

  get isReady(): boolean {
    return this.producerId >= 0n
  }

  get producerId(): bigint {
    return 'ids' in this.#state ? (this.#state.ids?.producerId ?? -1n) : -1n
  }

  get producerEpoch(): number {
    return 'ids' in this.#state ? (this.#state.ids?.producerEpoch ?? -1) : -1
  }

  /** Numbers with a hole are of a transaction that is aborted; the next one has another epoch. */
  requestNewEpoch(): void {}

  /** Ids come with the transaction: nothing is written outside of one. */
  renew(): Promise<void> {
    const { error } = this.#state as { readonly error?: KafkaError }
    return Promise.reject(error ?? new TransactionAbortedError())
  }

  /** The newest version of Produce that does not add partitions to a transaction by itself. */
  get maxProduceVersion(): number | undefined {
    return this.#protocol === 1 ? LAST_PRODUCE_OF_V1 : undefined
  }

  /** Whether a partition may be written to; if not yet, the owner is woken when it may. */
  mayWrite({ topic, partition }: TopicPartition): boolean {
    if (this.#state.name !== 'open' || this.#state.failure !== undefined) return false
    this.#dispatch({ type: 'touched' })
    if (this.#protocol === 2) return true
    const key = partitionKey(topic, partition)
    if (this.#added.has(key)) return true
    this.#toAdd.set(key, { topic, partition })
    this.#adding ??= this.#add().finally(() => {
      this.#adding = undefined
      this.#owner.wake()
    })
    return false
  }

  async #add(): Promise<void> {
    // All that is wanted in this turn goes in one request.
    await Promise.resolve()
    try {
      while (this.#toAdd.size > 0 && this.#state.name === 'open') {
        const wanted = [...this.#toAdd]
        this.#toAdd.clear()
        const partitions = wanted.map(([, partition]) => partition)
        const { ids } = this.#state
        await this.#coordinator.addPartitions(ids, partitions, this.#closing.signal)
        this.#isConfirmed = true
        for (const [key] of wanted) this.#added.add(key)
      }
    } catch (error) {
      this.#refused(error)
    }
  }

  /** A write has failed for good: the transaction can only be aborted. */
  fail(error: KafkaError): void {
    if (error instanceof TransactionAbortedError) return
    if (error.code === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED') this.#die(error)
    else this.#dispatch({ type: 'failed', error })
    // Whether it timed out or was fenced is found out by its end.
    if (isOfAnotherEpoch(error)) this.#turn?.cutShort(error)
  }

  #refused(reason: unknown): void {
    const error = asKafkaError(reason)
    const isFatal = error instanceof BrokerError && transactionReaction(error.errorCode) === 'fatal'
    if (isFatal) this.#die(error)
    else this.fail(withOutcome(error, 'notWritten'))
  }

  #die(error: KafkaError): void {
    this.#dispatch({ type: 'died', error })
    this.#turn?.cutShort(error)
  }

  #dispatch(event: Event): void {
    const { state, effects } = transition(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'initialise':
        this.#initialise(effect).catch(() => undefined)
        return
      case 'open':
        this.#turn?.onOpen()
        return
      case 'dropUnsent':
        this.#owner.dropUnsent(effect.error)
        this.#turn?.controller.abort(effect.error)
        return
      case 'end':
        this.#end(effect).catch(() => undefined)
        return
      case 'settleCommitted':
        this.#turn?.onSettled({ isCommitted: true })
        return
      case 'settleAborted':
        this.#turn?.onSettled({ isCommitted: false, reason: this.#reasonOf(effect) })
    }
  }

  /** A refused epoch that could be continued from was the coordinator's timeout. */
  #reasonOf({ reason }: { readonly reason: unknown }): unknown {
    const isTimeout = this.#state.name === 'idle' && !this.#state.isStale
    if (!isTimeout || !isOfAnotherEpoch(reason) || isUnclear(reason)) return reason
    const error = new TimeoutError(
      `The coordinator aborted the transaction of "${this.transactionalId}", which was not ended ` +
        `within ${this.#options.transactionTimeoutMs} ms ("transactionTimeoutMs").`,
      { cause: reason },
    )
    return withOutcome(error, 'notWritten')
  }

  async #initialise({ ids }: Effect & { readonly do: 'initialise' }): Promise<void> {
    try {
      const wasOpen = this.#isConfirmed
      const given = await this.#coordinator.initialise(ids, wasOpen, this.#closing.signal)
      this.#isConfirmed = false
      this.#dispatch({ type: 'initialised', ids: given })
    } catch (reason) {
      const error = asKafkaError(reason)
      const isFenced =
        error instanceof BrokerError &&
        (error.errorCode === ErrorCode.PRODUCER_FENCED ||
          error.errorCode === ErrorCode.INVALID_PRODUCER_EPOCH)
      this.#dispatch({ type: 'initialisingFailed', error, isFatal: isFenced })
    }
  }

  async #end({ ids, isCommit }: Effect & { readonly do: 'end' }): Promise<void> {
    let isUnclear = false
    const onUnclear = (): void => {
      isUnclear = true
      this.#isConfirmed = false
      this.#dispatch({ type: 'endUnclear' })
    }
    try {
      const how = { isCommit, protocol: this.#protocol ?? 1, signal: this.#closing.signal }
      const next = await this.#coordinator.end(ids, how, onUnclear)
      this.#isConfirmed = false
      this.#dispatch({ type: 'endAnswered', next })
    } catch (reason) {
      const error = asKafkaError(reason)
      const code = error instanceof BrokerError ? error.errorCode : undefined
      if (isCommit && code === ErrorCode.TRANSACTION_ABORTABLE) {
        this.#dispatch({ type: 'commitRefused', error: withOutcome(error, 'notWritten') })
        return
      }
      // What was fenced while nothing was unclear had been aborted by the coordinator before.
      const isKnown = !isCommit || (code !== undefined && !isUnclear)
      const told = withOutcome(error, isKnown ? 'notWritten' : 'unknown')
      if (code !== undefined && isFenced(code)) this.#dispatch({ type: 'endFenced', error: told })
      else this.#die(told)
    }
  }

  /** Runs user code in a transaction, and settles when that is committed or aborted. */
  async run<T>(
    work: (transaction: Transaction) => Promise<T> | T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    signal?.throwIfAborted()
    if (this.#state.name === 'dead') throw this.#deadError(this.#state.error)
    if (this.#turn !== undefined) {
      throw new UsageError(
        'A transaction of this producer is under way: await it before the next one, or use ' +
          'another producer (with another transactionalId) for what should run beside it.',
        { code: 'TRANSACTION_UNDER_WAY' },
      )
    }
    const turn = new Turn()
    this.#turn = turn
    const running = this.#run(turn, work, signal)
    this.#running = running.catch(() => undefined)
    try {
      return await running
    } finally {
      this.#cluster.environment.timers.clear(turn.timer)
      if (this.#turn === turn) this.#turn = undefined
    }
  }

  async #run<T>(
    turn: Turn,
    work: (transaction: Transaction) => Promise<T> | T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const settled = new Promise<{ readonly isCommitted: boolean; readonly reason?: unknown }>(
      (resolve) => {
        turn.onSettled = resolve
      },
    )
    const release = onAbort(signal, () => turn.cutShort(signal?.reason))
    try {
      await this.#open(turn, settled)
      return await this.#work(turn, work, settled)
    } finally {
      release()
    }
  }

  async #work<T>(
    turn: Turn,
    work: (transaction: Transaction) => Promise<T> | T,
    settled: Promise<{ readonly isCommitted: boolean; readonly reason?: unknown }>,
  ): Promise<T> {
    const writer = { ...this.#owner, fail: (error: unknown) => this.fail(asKafkaError(error)) }
    const transaction = new Transaction(writer, turn.consumed, turn.controller.signal)
    const worked = (async () => {
      // It may have aborted just when the transaction was open.
      turn.signal.throwIfAborted()
      return { result: await work(transaction) }
    })()
    worked.catch(() => undefined)
    let result: T | undefined
    try {
      const first = await Promise.race([worked, turn.cut])
      transaction.end()
      if ('reason' in first) await this.#abort(first.reason)
      else {
        ;({ result } = first)
        await this.#commit(turn)
      }
    } catch (reason) {
      transaction.end()
      await this.#abort(reason)
    }
    const { isCommitted, reason } = await settled
    this.#tellConsumers(turn, isCommitted, reason)
    if (!isCommitted) throw reason
    return result as T
  }

  async #open(turn: Turn, settled: Promise<{ readonly reason?: unknown }>): Promise<void> {
    const opened = new Promise<undefined>((resolve) => {
      turn.onOpen = () => resolve(undefined)
    })
    const protocol = await this.#coordinator.protocol(turn.signal)
    const hasProtocolChanged = this.#protocol !== undefined && this.#protocol !== protocol
    this.#protocol = protocol
    this.#added.clear()
    this.#toAdd.clear()
    this.#dispatch({ type: 'beginAsked', hasProtocolChanged })
    const failure = await Promise.race([opened, settled, turn.cut])
    if (failure !== undefined) {
      // An answer that is on its way is for the next transaction.
      this.#dispatch({ type: 'openingAbandoned' })
      throw failure.reason
    }
    const { transactionTimeoutMs } = this.#options
    turn.timer = this.#cluster.environment.timers.set(transactionTimeoutMs, () => {
      const error = new TimeoutError(
        `The transaction of "${this.transactionalId}" was not ended within ` +
          `${transactionTimeoutMs} ms ("transactionTimeoutMs"), and is aborted.`,
      )
      this.#dispatch({ type: 'failed', error: withOutcome(error, 'notWritten') })
      turn.cutShort(error)
    })
  }

  /** Everything is written, the offsets are committed: then it may end. Rejects when it can't. */
  async #commit(turn: Turn): Promise<void> {
    await this.#owner.drain()
    if (this.#state.name === 'open' && this.#state.failure === undefined) {
      await this.#commitOffsets(turn)
    }
    this.#dispatch({ type: 'endAsked', isCommit: true })
  }

  async #commitOffsets({ consumed }: Turn): Promise<void> {
    if (consumed.isEmpty) return
    // A join takes a moment; a partition that it takes away is stale afterwards.
    while (!consumed.areGroupsStable && this.isOpen && !this.#closing.signal.aborted) {
      await this.#cluster.sleep(STABLE_CHECK_MS)
      if ((this.#state as { readonly failure?: unknown }).failure !== undefined) return
    }
    for (const { group, stamp, offsets } of consumed.toCommit()) {
      if (this.#state.name !== 'open') return
      this.#dispatch({ type: 'touched' })
      const { ids } = this.#state
      try {
        await this.#coordinator.commitOffsets(
          ids,
          this.#protocol ?? 1,
          { stamp, offsets },
          this.#closing.signal,
          () => {
            this.#isConfirmed = true
          },
        )
      } catch (error) {
        if (error instanceof BrokerError && hasGroupGoneOn(error.errorCode)) {
          group.handleStampRefused(error, stamp)
        }
        this.#refused(error)
        throw error
      }
    }
    consumed.refuseIfStale()
  }

  async #abort(reason: unknown): Promise<void> {
    // What has no number yet is not written; what has one is waited for, or it might come late.
    const why = reason instanceof Error ? reason.message : String(reason)
    const error = new TransactionAbortedError(
      `The transaction of "${this.transactionalId}" was aborted: ${why}`,
      { cause: reason },
    )
    this.#owner.dropUnsent(error)
    if (this.#turn?.controller.signal.aborted === false) this.#turn.controller.abort(error)
    await this.#owner.settled()
    // The end must not overtake what is being added.
    await this.#adding
    this.#dispatch({ type: 'endAsked', isCommit: false, reason })
  }

  #tellConsumers({ consumed }: Turn, isCommitted: boolean, reason: unknown): void {
    if (isCommitted) consumed.noteCommitted()
    else if (isUnclear(reason)) consumed.readAgain()
    else consumed.rewind()
  }

  #deadError(error: KafkaError): UsageError {
    return new UsageError(
      `This producer (transactionalId "${this.transactionalId}") is over: ` +
        `${error.message.replace(/\.$/, '')}. ${whatToDo(error)}`,
      { code: error.code, cause: error },
    )
  }

  /**
   * Lets the transaction under way end within `timeoutMs`; user code that takes most of that is
   * not waited for, and what is not decided by then is left to the coordinator's own timeout.
   */
  async close(timeoutMs: number): Promise<void> {
    const turn = this.#turn
    if (turn !== undefined) {
      const { environment } = this.#cluster
      const { timers, clock } = environment
      const patience = timers.set(timeoutMs * USER_SHARE, () =>
        turn.cutShort(withOutcome(closedError(), 'notWritten')),
      )
      await withDeadline(
        environment,
        Promise.resolve(this.#running),
        clock.monotonic() + timeoutMs,
        undefined,
      )
      timers.clear(patience)
    }
    const { name } = this.#state
    const isUnclear = this.#state.name === 'ending' && this.#state.isCommit
    const error = withOutcome(closedError(), isUnclear ? 'unknown' : 'notWritten')
    if (name !== 'idle') this.#die(error)
    turn?.cutShort(error)
    this.#closing.abort(error)
  }
}

const LAST_PRODUCE_OF_V1 = 11

function closedError(): UsageError {
  return new UsageError('The producer was closed while its transaction was open.', {
    code: 'CLOSED',
  })
}

/** To a fenced producer a successor of the same name is no help: each would fence the other. */
function whatToDo({ code }: KafkaError): string {
  const isFenced = code === 'PRODUCER_FENCED' || code === 'INVALID_PRODUCER_EPOCH'
  return isFenced
    ? 'Close it. If both are meant to run, each needs a transactionalId of its own.'
    : 'Close it and make a new one.'
}
