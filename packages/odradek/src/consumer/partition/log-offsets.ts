/** What the leader reported about the log with the last fetch. */
export class LogOffsets {
  static readonly UNKNOWN = new LogOffsets({
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
  })

  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number

  constructor(reported: Pick<LogOffsets, 'highWatermark' | 'lastStableOffset' | 'logStartOffset'>) {
    this.highWatermark = reported.highWatermark
    this.lastStableOffset = reported.lastStableOffset
    this.logStartOffset = reported.logStartOffset
  }

  /** Whether a position is known to be in the log: one of its records, or its end. */
  has(offset: number): boolean {
    const { logStartOffset, highWatermark } = this
    return logStartOffset >= 0 && offset >= logStartOffset && offset <= highWatermark
  }
}
