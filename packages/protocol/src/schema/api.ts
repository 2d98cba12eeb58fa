/** A Kafka API: a key, a request and a response, and the versions that both know. */
import type { Decoded, Fields, Input } from './field.ts'
import { Message } from './message.ts'
import type { VersionRange } from './versions.ts'

export interface Api<Q extends Fields = Fields, S extends Fields = Fields> {
  readonly apiKey: number
  readonly name: string
  readonly versions: VersionRange
  readonly request: Message<Q>
  readonly response: Message<S>
}

// biome-ignore lint: any API, whatever its fields.
export type AnyApi = Api<any, any>

export type RequestOf<A> = A extends Api<infer Q, Fields> ? Decoded<Q> : never
export type RequestInput<A> = A extends Api<infer Q, Fields> ? Input<Q> : never
export type ResponseOf<A> = A extends Api<Fields, infer S> ? Decoded<S> : never
export type ResponseInput<A> = A extends Api<Fields, infer S> ? Input<S> : never

export interface ApiDefinition<Q extends Fields, S extends Fields> {
  readonly apiKey: number
  readonly name: string
  /** Stable versions from the floor of KIP-896 to the newest release. */
  readonly versions: string
  readonly flexible: string
  readonly request: Q
  readonly response: S
}

export function api<const Q extends Fields, const S extends Fields>(
  definition: ApiDefinition<Q, S>,
): Api<Q, S> {
  const { apiKey, name, versions, flexible } = definition
  const request = new Message({
    name: `${name}Request`,
    versions,
    flexible,
    fields: definition.request,
  })
  const response = new Message({
    name: `${name}Response`,
    versions,
    flexible,
    fields: definition.response,
  })
  return { apiKey, name, versions: request.versions, request, response }
}
