/**
 * One end of a virtual connection. Each direction is a queue of segments with their arrival times;
 * a segment is copied when it is written, and the original is compared with the copy when it is
 * delivered: whoever changes a buffer that the network still holds is told so at once.
 */
import type { Connection, ConnectionHandler, NetworkError } from '../environment.ts'
import { PHASE } from './event-queue.ts'
import { networkError } from './network-error.ts'
import type { VirtualNetwork } from './virtual-network.ts'
import type { VirtualProcess } from './virtual-process.ts'

interface Segment {
  readonly bytes: Buffer
  readonly original: Uint8Array | undefined
  readonly arrivesAt: number
  /** The last segment says how the direction ends. */
  readonly end?: 'orderly' | 'reset'
}

/** What the network holds before a writer is asked to wait, as a socket's buffers would. */
const WINDOW_BYTES = 1024 * 1024
const TLS_ALERT = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28])
const NO_BYTES = Buffer.alloc(0)

export class VirtualConnection implements Connection {
  readonly process: VirtualProcess
  readonly remoteHost: string
  readonly remotePort: number
  readonly peerSubject: string | undefined = undefined
  handler: ConnectionHandler | undefined
  peer: VirtualConnection | undefined
  answersWithTlsAlert = false
  readonly #network: VirtualNetwork
  /** Segments on their way to this end. */
  readonly #incoming: Segment[] = []
  #inFlightBytes = 0
  #lastArrival = 0
  #isPaused = false
  #isClosed = false
  #isEnding = false
  #isSilent = false
  #needsDrain = false
  #isPumping = false
  readonly #settled: (() => void)[] = []

  constructor(
    network: VirtualNetwork,
    process: VirtualProcess,
    handler: ConnectionHandler | undefined,
    { host, port }: { readonly host: string; readonly port: number },
  ) {
    this.#network = network
    this.process = process
    this.handler = handler
    this.remoteHost = host
    this.remotePort = port
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get bufferedBytes(): number {
    return Math.max(0, (this.peer?.unreadBytes ?? 0) - WINDOW_BYTES)
  }

  get unreadBytes(): number {
    return this.#inFlightBytes
  }

  onceOpenOrClosed(listener: () => void): void {
    this.#settled.push(listener)
  }

  open(): void {
    for (const listener of this.#settled.splice(0)) listener()
    this.handler?.onConnect?.()
  }

  failUnlessOpen(error: NetworkError): void {
    if (this.peer === undefined) this.fail(error)
  }

  /** The connection is over, for a reason that this end hears now. */
  fail(error?: NetworkError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const listener of this.#settled.splice(0)) listener()
    this.#network.unregister(this)
    const handler = this.handler
    this.handler = undefined
    this.process.world.note(this.process, error === undefined ? 'closed' : 'broken')
    handler?.onClose(error)
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const { peer } = this
    if (this.#isClosed || this.#isEnding || peer === undefined) return true
    for (const chunk of chunks) {
      if (chunk.length > 0) peer.receive(Buffer.from(chunk), chunk)
    }
    const hasRoom = peer.#inFlightBytes < WINDOW_BYTES
    if (!hasRoom) this.#needsDrain = true
    return hasRoom
  }

  /** The other end wrote, or ended. */
  receive(bytes: Buffer, original?: Uint8Array, end?: 'orderly' | 'reset'): void {
    const from = this.peer?.process
    if (this.#isClosed || this.#isSilent || from === undefined) return
    const { world } = this.process
    const rule = this.#network.ruleOf(from, this.process)
    const transferMs = rule.bytesPerMs === undefined ? 0 : Math.ceil(bytes.length / rule.bytesPerMs)
    const arrivesAt =
      Math.max(this.#lastArrival, world.now + this.#network.latency(rule)) + transferMs
    this.#lastArrival = arrivesAt
    this.#inFlightBytes += bytes.length
    this.#incoming.push({ bytes, original, arrivesAt, ...(end === undefined ? {} : { end }) })
    this.process.schedule(arrivesAt, PHASE.input, () => this.pump())
  }

  /** Delivers what has arrived, unless the link is cut or the owner wants no input. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      for (;;) {
        const [segment] = this.#incoming
        const from = this.peer?.process
        if (segment === undefined || from === undefined || this.#isClosed || this.#isPaused) break
        if (segment.arrivesAt > this.process.world.now) break
        const rule = this.#network.ruleOf(from, this.process)
        if (rule.isPartitioned === true) break
        this.#incoming.shift()
        this.#inFlightBytes -= segment.bytes.length
        this.#deliver(segment, rule.maxChunkBytes)
        this.peer?.drained()
      }
    } finally {
      this.#isPumping = false
    }
  }

  #deliver(segment: Segment, maxChunkBytes: number | undefined): void {
    const { bytes, original, end } = segment
    if (end !== undefined) {
      this.peer?.hangUp()
      this.fail(
        end === 'orderly'
          ? undefined
          : networkError('read ECONNRESET', 'ECONNRESET', 'established'),
      )
      return
    }
    if (original !== undefined && Buffer.compare(bytes, original) !== 0) {
      throw new Error('A buffer was changed after it was written and before it was delivered.')
    }
    this.process.world.note(this.process, `data ${bytes.length}`)
    if (this.answersWithTlsAlert) {
      this.write([TLS_ALERT])
      this.end()
      return
    }
    let offset = 0
    while (offset < bytes.length && !this.#isClosed) {
      const rest = bytes.length - offset
      const count =
        maxChunkBytes === undefined
          ? rest
          : Math.min(rest, 1 + this.#network.random.integer(maxChunkBytes))
      this.handler?.onData(bytes.subarray(offset, offset + count), count)
      offset += count
    }
  }

  drained(): void {
    if (!this.#needsDrain || (this.peer?.unreadBytes ?? 0) >= WINDOW_BYTES / 2) return
    this.#needsDrain = false
    this.process.schedule(this.process.world.now, PHASE.input, () => {
      if (!this.#isClosed) this.handler?.onDrain?.()
    })
  }

  /** The other end has heard of the end: this one closes too, if it was only waiting for that. */
  hangUp(): void {
    if (this.#isEnding)
      this.process.schedule(this.process.world.now, PHASE.input, () => this.fail())
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.process.schedule(this.process.world.now, PHASE.input, () => this.pump())
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return
    this.#isEnding = true
    if (this.peer === undefined || this.peer.isClosed) this.destroy()
    else this.peer.receive(NO_BYTES, undefined, 'orderly')
  }

  destroy(): void {
    if (this.#isClosed) return
    this.peer?.receive(NO_BYTES, undefined, 'reset')
    this.#isEnding = true
    // Nothing is delivered to this end any more, and it hears of its end later, never now.
    const handler = this.handler
    this.handler = { onData: () => undefined, onClose: (error) => handler?.onClose(error) }
    this.process.schedule(this.process.world.now, PHASE.input, () => this.fail())
  }

  /** The connection breaks on both sides, as when a device in between drops its state. */
  break(): void {
    const error = networkError('read ECONNRESET', 'ECONNRESET', 'established')
    const { peer } = this
    this.process.schedule(this.process.world.now, PHASE.input, () => this.fail(error))
    peer?.process.schedule(this.process.world.now, PHASE.input, () => peer.fail(error))
  }

  /** This end's process is gone. */
  vanish(silently: boolean): void {
    if (!silently) this.peer?.receive(NO_BYTES, undefined, 'reset')
    this.#isSilent = true
    this.#isClosed = true
    this.handler = undefined
    this.#network.unregister(this)
  }
}

export function connectPair(a: VirtualConnection, b: VirtualConnection): void {
  a.peer = b
  b.peer = a
}
