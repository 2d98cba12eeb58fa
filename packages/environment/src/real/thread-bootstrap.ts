/** What the entry of a worker is given; private to `real-threads.ts` and `thread-context.ts`. */
export interface ThreadBootstrap {
  readonly odradekModule: string
  readonly data: unknown
}
