/** The error codes of a response, wherever in it they are: for requests that users make by hand. */
import { BrokerError } from '@odradek/protocol'

/** The first error in a response; undefined when it has none. */
export function errorInResponse(response: unknown, action: string): BrokerError | undefined {
  if (typeof response !== 'object' || response === null || ArrayBuffer.isView(response)) {
    return undefined
  }
  if (Array.isArray(response)) {
    for (const one of response as unknown[]) {
      const error = errorInResponse(one, action)
      if (error !== undefined) return error
    }
    return undefined
  }
  const fields = response as Readonly<Record<string, unknown>>
  for (const [name, value] of Object.entries(fields)) {
    if (/^errorCode$|ErrorCode$/.test(name) && typeof value === 'number' && value !== 0) {
      const { errorMessage } = fields
      const brokerMessage = typeof errorMessage === 'string' ? errorMessage : null
      return new BrokerError(value, { action, brokerMessage })
    }
    const error = errorInResponse(value, action)
    if (error !== undefined) return error
  }
  return undefined
}
