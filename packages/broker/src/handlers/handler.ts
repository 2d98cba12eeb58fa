/**
 * What a handler is: one API, how to answer it, and how to answer it with an error. Its file has
 * the name of the protocol's message file. Handlers are synchronous wherever Kafka need not wait.
 */
import type { AnyApi, RequestOf, ResponseInput } from '@odradek/protocol'
import type { RequestContext } from '../services/request-context.ts'

/** The request is answered by nothing (acks=0). */
export const NO_ANSWER = Symbol('no answer')

export type Answer<A extends AnyApi> = ResponseInput<A> | typeof NO_ANSWER

export interface Handler<A extends AnyApi> {
  readonly api: A
  handle(body: RequestOf<A>, context: RequestContext): Answer<A> | Promise<Answer<A>>
  /** The whole request fails with this error. */
  errorResponse(body: RequestOf<A>, errorCode: number, version: number): ResponseInput<A>
  /** Whether the connection ends after this answer. */
  endsConnection?(body: ResponseInput<A>): boolean
}

/** A handler whose API is not known when the program is compiled. */
export type AnyHandler = Handler<AnyApi>

/** Forgets which API a handler is for; the dispatcher finds it by the key it was made with. */
export function handler<A extends AnyApi>(definition: Handler<A>): AnyHandler {
  return definition
}
