/**
 * One end of a virtual connection. Each direction is a queue of segments with their arrival times;
 * what has arrived is read in one event per read, and neighbouring segments are read together, as
 * from a kernel's buffer. Two checks catch errors that real sockets show late: a written buffer is
 * compared with its copy when it is delivered (a change in between is an error), and a delivered
 * buffer is overwritten after the call (code that keeps it reads garbage).
 */
import type { Connection, ConnectionHandler, NetworkError } from '../environment.ts'
import { PHASE, type QueuedEvent } from './event-queue.ts'
import type { Link } from './links.ts'
import { networkError } from './network-error.ts'
import type { ConnectionEnd, ProcessHandle } from './process-handle.ts'
import type { SeededRandom } from './seeded-random.ts'

/** The network that a connection belongs to. */
export interface ConnectionOwner {
  readonly random: SeededRandom
  unregister(connection: VirtualConnection): void
  /** Bytes went to an end whose machine lost its power; they are sent again until it responds. */
  retransmit(to: VirtualConnection): void
}

interface Segment {
  readonly bytes: Buffer
  readonly originals: readonly Uint8Array[]
  readonly arrivesAt: number
  /** The number of bytes that were read. */
  offset: number
  /** How the direction ends; set on the last segment. */
  readonly end: 'orderly' | 'reset' | undefined
}

/** What the network buffers before `write` returns false, as a socket does. */
const WINDOW_BYTES = 1024 * 1024
/** The largest read, as in the real environment. */
const READ_BYTES = 256 * 1024
const TLS_ALERT = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28])
const STALE_BYTE = 0xdb

export const RESET: () => NetworkError = () =>
  networkError('read ECONNRESET', 'ECONNRESET', 'established')

export class VirtualConnection implements Connection, ConnectionEnd {
  readonly process: ProcessHandle
  readonly remoteHost: string
  readonly remotePort: number
  /** There are no certificates in a virtual world. */
  readonly peerSubject: string | undefined = undefined
  handler: ConnectionHandler | undefined
  peer: VirtualConnection | undefined
  /** The timeout of connecting; cancelled when the connection is open or has failed. */
  deadline: QueuedEvent | undefined
  answersWithTlsAlert = false
  readonly #network: ConnectionOwner
  /** From the peer to this end. */
  #link: Link | undefined
  readonly #incoming: Segment[] = []
  #inFlightBytes = 0
  #lastArrival = 0
  #early: Uint8Array[] = []
  #isOpen = false
  #isPaused = false
  #isClosed = false
  #isEnding = false
  #isDeaf = false
  #needsDrain = false

  constructor(
    network: ConnectionOwner,
    process: ProcessHandle,
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
    const early = this.#early.reduce((total, chunk) => total + chunk.length, 0)
    return early + (this.peer?.unreadBytes ?? 0)
  }

  get unreadBytes(): number {
    return this.#inFlightBytes
  }

  pair(peer: VirtualConnection, link: Link): void {
    this.peer = peer
    this.#link = link
  }

  /** The owner of an accepted connection has its handler. */
  accepted(): void {
    if (this.#isClosed) return
    this.#isOpen = true
    this.#pumpSoon()
  }

  /** The connection that this end opened is ready. */
  open(): void {
    if (this.#isClosed || this.#isOpen) return
    this.#isOpen = true
    this.#forgetDeadline()
    this.process.world.note(this.process, 'open')
    const early = this.#early
    this.#early = []
    this.write(early)
    this.handler?.onConnect?.()
    this.#pumpSoon()
  }

  failUnlessOpen(message: string): void {
    if (this.#isOpen) return
    this.fail(networkError(message, 'ETIMEDOUT', this.peer === undefined ? 'tcp' : 'tls'))
  }

  /** Ends the connection and reports it to the owner. */
  fail(error?: NetworkError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#forgetDeadline()
    this.#network.unregister(this)
    const handler = this.handler
    this.handler = undefined
    this.process.world.note(this.process, error === undefined ? 'closed' : 'broken')
    handler?.onClose(error)
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const { peer } = this
    if (this.#isClosed || this.#isEnding) return true
    if (!this.#isOpen || peer === undefined) {
      this.#early.push(...chunks)
      return true
    }
    const bytes = Buffer.concat(chunks)
    if (bytes.length > 0) peer.receive(bytes, chunks)
    const hasRoom = peer.#inFlightBytes < WINDOW_BYTES
    if (!hasRoom) this.#needsDrain = true
    return hasRoom
  }

  /** The other end wrote, or ended. */
  receive(bytes: Buffer, originals: readonly Uint8Array[], end?: 'orderly' | 'reset'): void {
    const link = this.#link
    if (link === undefined) return
    // Bytes to a machine without power are never acknowledged: they fill the window.
    this.#inFlightBytes += bytes.length
    if (this.#isDeaf) this.#network.retransmit(this)
    if (this.#isClosed || this.#isDeaf) return
    const { world } = this.process
    const arrivesAt = Math.max(
      this.#lastArrival,
      link.transfer(world.now, bytes.length, this.#network.random),
    )
    this.#lastArrival = arrivesAt
    this.#incoming.push({ bytes, originals, arrivesAt, offset: 0, end })
    this.process.schedule(arrivesAt, PHASE.input, this.#pump)
  }

  /** Reads once from what has arrived, unless the link is cut or the owner has paused. */
  readonly #pump = (): void => {
    const { world } = this.process
    const [first] = this.#incoming
    if (first === undefined || first.arrivesAt > world.now) return
    if (this.#isClosed || this.#isPaused || !this.#isOpen || this.#link?.isCut !== false) return
    if (first.end !== undefined) {
      this.#incoming.shift()
      if (first.end === 'reset') this.fail(RESET())
      else {
        // Half-closed connections are not used: this end ends too, and the peer is notified.
        if (!this.#isEnding) this.peer?.receive(Buffer.alloc(0), [], 'orderly')
        this.fail()
      }
      return
    }
    const bytes = this.#read(this.#link.rule.maxChunkBytes)
    world.note(this.process, 'data', bytes.length)
    this.#inFlightBytes -= bytes.length
    this.peer?.drained()
    if (this.answersWithTlsAlert) {
      this.write([TLS_ALERT])
      this.end()
      return
    }
    this.handler?.onData(bytes, bytes.length)
    bytes.fill(STALE_BYTE)
    this.#pumpSoon()
  }

  #pumpSoon(): void {
    const [next] = this.#incoming
    if (next === undefined || next.arrivesAt > this.process.world.now) return
    this.process.schedule(this.process.world.now, PHASE.input, this.#pump)
  }

  /** Removes the bytes of one read from the queue: of all segments that have arrived. */
  #read(maxChunkBytes: number | undefined): Buffer {
    const { now } = this.process.world
    const limit =
      maxChunkBytes === undefined ? READ_BYTES : 1 + this.#network.random.integer(maxChunkBytes)
    const parts: Buffer[] = []
    let total = 0
    while (total < limit) {
      const [segment] = this.#incoming
      if (segment === undefined || segment.arrivesAt > now || segment.end !== undefined) break
      if (segment.offset === 0) assertUnchanged(segment)
      const part = segment.bytes.subarray(segment.offset, segment.offset + limit - total)
      parts.push(part)
      total += part.length
      segment.offset += part.length
      if (segment.offset === segment.bytes.length) this.#incoming.shift()
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  }

  /** The other end read something. */
  drained(): void {
    if (!this.#needsDrain || (this.peer?.unreadBytes ?? 0) >= WINDOW_BYTES / 2) return
    this.#needsDrain = false
    this.process.schedule(this.process.world.now, PHASE.input, () => {
      if (!this.#isClosed) this.handler?.onDrain?.()
    })
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#pumpSoon()
  }

  /** Resumes reading when the link is no longer cut. */
  wake(): void {
    const link = this.#link
    if (link === undefined || link.isCut || this.#incoming.length === 0) return
    const { world } = this.process
    this.process.schedule(world.now + link.latency(this.#network.random), PHASE.input, this.#pump)
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return
    if (!this.#isOpen || this.peer === undefined) {
      this.destroy()
      return
    }
    this.#isEnding = true
    this.peer.receive(Buffer.alloc(0), [], 'orderly')
  }

  destroy(): void {
    if (this.#isClosed) return
    // As a kernel does: a reset when something that arrived was never read, else an orderly end.
    const [unread] = this.#incoming
    const hasUnread = unread !== undefined && unread.arrivesAt <= this.process.world.now
    this.peer?.receive(Buffer.alloc(0), [], hasUnread ? 'reset' : 'orderly')
    this.#isEnding = true
    this.#isPaused = true
    this.#forgetDeadline()
    // Nothing is delivered to this end any more, and its end is reported asynchronously.
    const handler = this.handler
    this.handler = { onData: () => undefined, onClose: () => handler?.onClose() }
    this.process.schedule(this.process.world.now, PHASE.input, () => this.fail())
  }

  /** Reports a reset to this end, out of order; the other end does not notice. */
  break(): void {
    this.process.schedule(this.process.world.now, PHASE.input, () => this.fail(RESET()))
  }

  /** From now on nothing reaches this end; neither end is notified. */
  deafen(): void {
    this.#isDeaf = true
    this.#incoming.length = 0
  }

  /** This end's process has ended. */
  discard(silently: boolean): void {
    if (!silently) this.peer?.receive(Buffer.alloc(0), [], 'reset')
    else this.deafen()
    this.#isClosed = true
    this.#forgetDeadline()
    this.handler = undefined
    this.#network.unregister(this)
    if (silently && this.#inFlightBytes > 0) this.#network.retransmit(this)
  }

  #forgetDeadline(): void {
    if (this.deadline !== undefined) this.deadline.isCancelled = true
    this.deadline = undefined
  }
}

function assertUnchanged({ bytes, originals }: Segment): void {
  let offset = 0
  for (const original of originals) {
    const copy = bytes.subarray(offset, offset + original.length)
    if (Buffer.compare(copy, original) !== 0) {
      throw new Error('A buffer was changed after it was written and before it was delivered.')
    }
    offset += original.length
  }
}
