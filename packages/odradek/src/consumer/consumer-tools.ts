/** What the client gives to a consumer that it makes. */
import type { AnyRecord } from './delivery/fetch-buffer.ts'

/** @internal */
export interface ConsumerTools {
  readonly onClosed?: (() => void) | undefined
  readonly deadLetters?:
    | {
        send(topic: string, record: AnyRecord, error: unknown): Promise<void>
        close(): Promise<void>
      }
    | undefined
}
