/** An error as sockets make them: a message, a code and the stage that was reached. */
import type { NetworkError } from '../environment.ts'

export function networkError(
  message: string,
  code: string,
  stage: NonNullable<NetworkError['stage']>,
): NetworkError {
  return Object.assign(new Error(message), { code, stage })
}
