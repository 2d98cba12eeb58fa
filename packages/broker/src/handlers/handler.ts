/**
 * A handler serves one API: it returns the response to a request, or a response with an error. Its
 * file has the name of the protocol's message file. Handlers are synchronous unless Kafka waits
 * too.
 */
import type { AnyApi, RequestOf, ResponseInput } from '@odradek/protocol'
import type { RequestContext } from '../services/request-context.ts'

/** The request gets no response (acks=0). */
export const NO_ANSWER = Symbol('no answer')

export type Answer<A extends AnyApi> = ResponseInput<A> | typeof NO_ANSWER

export interface Handler<A extends AnyApi> {
  readonly api: A
  handle(body: RequestOf<A>, context: RequestContext): Answer<A> | Promise<Answer<A>>
  /** The whole request fails with this error. */
  errorResponse(body: RequestOf<A>, errorCode: number, version: number): ResponseInput<A>
  /** Whether the connection ends after this response. */
  endsConnection?(body: ResponseInput<A>): boolean
}

/** A handler whose API is not known when the program is compiled. */
export type AnyHandler = Handler<AnyApi>

/** Forgets which API a handler is for; the dispatcher finds it by the key it was made with. */
export function handler<A extends AnyApi>(definition: Handler<A>): AnyHandler {
  return definition
}
