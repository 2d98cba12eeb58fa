/**
 * The data that the entry of a worker gets; private to `real-threads.ts` and `thread-context.ts`.
 */
export interface ThreadBootstrap {
  readonly odradekModule: string
  readonly data: unknown
}
