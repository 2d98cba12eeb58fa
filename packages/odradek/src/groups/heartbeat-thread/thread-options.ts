/** A client's options as a thread can take them: plain data, or why that is not possible. */
import type { EffectiveKafkaOptions } from '../../options/client-options.ts'

export type ThreadOptions =
  | { readonly options: EffectiveKafkaOptions }
  | { readonly whyNot: string }

export function threadOptions(options: EffectiveKafkaOptions): ThreadOptions {
  if (options.sasl?.mechanism === 'oauthbearer') {
    return { whyNot: 'sasl.token is a function, which a thread cannot call' }
  }
  try {
    // Secrets are copied into the thread's memory, and go nowhere else.
    return { options: structuredClone(options) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { whyNot: `the client's options cannot be copied to a thread (${reason})` }
  }
}
