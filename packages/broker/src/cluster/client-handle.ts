/** The connection of a client, as the code that handles its requests knows it. */
import type { Authenticator } from '../security/authenticator.ts'

export interface ClientHandle {
  /** The broker's number of this connection. */
  readonly id: number
  /** The client's address, with a slash before it, as Kafka writes it. */
  readonly host: string
  readonly authenticator: Authenticator
  /** Calls back once when the connection ends; returns a function that removes the listener. */
  onceClosed(listener: () => void): () => void
  /** Cuts the connection. */
  destroy(): void
}
