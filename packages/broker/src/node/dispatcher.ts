/**
 * From a frame to a response: decode, find the handler by its API key, apply faults, encode. The
 * only place where all this happens. An unsupported API or version ends the connection, as in Kafka
 * (such a request cannot be decoded), except for ApiVersions, which gets a response in version 0 so
 * that the client can choose its versions.
 */
import {
  type AnyApi,
  apiVersions,
  type DecodedRequest,
  decodeRequest,
  ErrorCode,
  encodeResponse,
  type ResponseInput,
  saslAuthenticate,
  type UnsupportedRequest,
} from '@odradek/protocol'
import type { ClientHandle } from '../cluster/client-handle.ts'
import type { FaultEffect } from '../faults/faults.ts'
import { groupsOf, topicsOf } from '../faults/request-subjects.ts'
import { type AnyHandler, NO_ANSWER } from '../handlers/handler.ts'
import { handlerOf, servedVersions, versionsOf } from '../handlers/handlers.ts'
import type { NodeServices, RequestContext, ServedApi } from '../services/request-context.ts'
import type { Stores } from '../services/stores.ts'
import type { Outcome } from './outcome.ts'

interface Call {
  readonly handler: AnyHandler
  readonly request: DecodedRequest
  readonly context: RequestContext
}

/** A request as events show it: without passwords and tokens. */
function withoutSecrets({ api, body }: DecodedRequest): unknown {
  if (api.apiKey !== saslAuthenticate.apiKey) return body
  return { ...(body as object), authBytes: Buffer.from('[redacted]') }
}

export class Dispatcher {
  /** The APIs and versions of this broker, as ApiVersions lists them. */
  readonly apiKeys: readonly ServedApi[]
  readonly #node: NodeServices
  readonly #stores: Stores

  constructor(node: NodeServices, stores: Stores) {
    this.#node = node
    this.#stores = stores
    this.apiKeys = versionsOf(node.cluster.options.maxApiVersions)
  }

  dispatch(frame: Buffer, connection: ClientHandle): Outcome | Promise<Outcome> {
    if (connection.authenticator.takesBareTokens) return bareToken(frame, connection)
    const decoded = decodeRequest(frame)
    if ('unsupported' in decoded) return this.#unsupported(decoded.unsupported)
    const { request } = decoded
    const { api, version, correlationId, clientId } = request
    if (!connection.authenticator.allows(api.apiKey)) return 'disconnect'
    const { cluster, nodeId } = this.#node
    const handler = handlerOf(api.apiKey)
    const range = servedVersions(api, cluster.options.maxApiVersions)
    if (handler === undefined || range === undefined) return 'disconnect'
    const context: RequestContext = {
      node: this.#node,
      cluster,
      stores: this.#stores,
      connection,
      version,
      clientId,
    }
    const call: Call = { handler, request, context }
    if (version > range.max) {
      if (api.apiKey === apiVersions.apiKey) {
        return this.#unsupported({ api, apiKey: api.apiKey, version, correlationId })
      }
      return answerWith(
        call,
        handler.errorResponse(request.body, ErrorCode.UNSUPPORTED_VERSION, version),
      )
    }
    if (cluster.events.hasListeners('request')) {
      cluster.events.emit('request', { ...this.#describe(call), body: withoutSecrets(request) })
    }
    const fault = cluster.faults.isEmpty
      ? undefined
      : cluster.faults.match({
          api: api.name,
          nodeId,
          clientId,
          groups: () => groupsOf(request.body),
          topics: () => topicsOf(request.body, (id) => cluster.topics.byId(id)?.name),
        })
    if (fault !== undefined) return this.#faulty(call, fault)
    return this.#handled(call, (body) => this.#answer(call, body))
  }

  /** Runs the handler; an exception is a bug of the broker, not the client's error. */
  #handled(
    call: Call,
    then: (body: ResponseInput<AnyApi> | typeof NO_ANSWER) => Outcome,
  ): Outcome | Promise<Outcome> {
    const { handler, request, context } = call
    const failed = (error: unknown): Outcome => {
      this.#node.cluster.report(this.#node.nodeId, error)
      return then(
        handler.errorResponse(request.body, ErrorCode.UNKNOWN_SERVER_ERROR, request.version),
      )
    }
    try {
      const answer = handler.handle(request.body, context)
      return answer instanceof Promise ? answer.then(then).catch(failed) : then(answer)
    } catch (error) {
      return failed(error)
    }
  }

  #answer(call: Call, body: ResponseInput<AnyApi> | typeof NO_ANSWER, throttleTimeMs = 0): Outcome {
    if (body === NO_ANSWER) return 'nothing'
    const { cluster } = this.#node
    const throttled = throttleTimeMs > 0 ? { ...body, throttleTimeMs } : body
    if (cluster.events.hasListeners('response')) {
      cluster.events.emit('response', { ...this.#describe(call), body: throttled })
    }
    return answerWith(call, throttled, throttleTimeMs)
  }

  async #faulty(call: Call, fault: FaultEffect): Promise<Outcome> {
    const { request, handler } = call
    if (fault.delayMs > 0) {
      await new Promise<void>((resolve) => this.#node.later(fault.delayMs, resolve))
    }
    if (fault.disconnect === 'before') return 'disconnect'
    if (fault.errorCode !== undefined) {
      const body = handler.errorResponse(request.body, fault.errorCode, request.version)
      return this.#answer(call, body, fault.throttleTimeMs)
    }
    return this.#handled(call, (body) => {
      if (fault.disconnect === 'after') return 'disconnect'
      if (fault.dropAnswer) return 'silence'
      return this.#answer(call, this.#altered(call, body, fault), fault.throttleTimeMs)
    })
  }

  #altered(
    { request }: Call,
    body: ResponseInput<AnyApi> | typeof NO_ANSWER,
    { alterResponse }: FaultEffect,
  ): ResponseInput<AnyApi> | typeof NO_ANSWER {
    if (alterResponse === undefined || body === NO_ANSWER) return body
    return alterResponse(body, request.body, request.version)
  }

  #describe({ request, context }: Call) {
    const { api, version, correlationId, clientId } = request
    return {
      at: this.#node.cluster.now(),
      nodeId: this.#node.nodeId,
      connectionId: context.connection.id,
      api: api.name,
      version,
      correlationId,
      clientId,
    }
  }

  #unsupported({ apiKey, correlationId }: UnsupportedRequest): Outcome {
    if (apiKey !== apiVersions.apiKey) return 'disconnect'
    const frame = encodeResponse(apiVersions, 0, {
      correlationId,
      body: {
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        apiKeys: this.apiKeys,
      },
    })
    return { write: frame.chunks }
  }
}

function answerWith({ request, handler }: Call, body: ResponseInput<AnyApi>, muteMs = 0): Outcome {
  const { api, version, correlationId } = request
  const { chunks } = encodeResponse(api, version, { correlationId, body })
  return { write: chunks, muteMs, end: handler.endsConnection?.(body) ?? false }
}

/** After SaslHandshake version 0: size and token, nothing else. */
function bareToken(frame: Buffer, connection: ClientHandle): Outcome {
  const answer = connection.authenticator.token(frame)
  if (answer.errorCode !== ErrorCode.NONE) return 'disconnect'
  const size = Buffer.alloc(4)
  size.writeInt32BE(answer.authBytes.length, 0)
  return { write: [size, answer.authBytes] }
}
