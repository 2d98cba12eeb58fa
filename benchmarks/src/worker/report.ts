/** What one measurement found, printed by the worker as its last line. */
export interface Report {
  /** The measured section alone: after the warm-up, until the last record. */
  readonly section: Usage
  /** The process from its start to the end of the section: start-up, imports and warm-up too. */
  readonly process: Usage
  /** From the start of the section to the first record, for consumers. */
  readonly firstRecordMs: number
  readonly records: number
  /** Sum of the records' indexes, for consumers. */
  readonly checksum: number
  readonly peakRssBytes: number
  /** `Node 24.21.0`, `Go 1.26.8`. */
  readonly runtime: string
  /** The client's own version. */
  readonly version: string
}

export interface Usage {
  readonly wallMs: number
  readonly userMs: number
  readonly systemMs: number
}

export const REPORT_MARK = 'benchmark-report:'
