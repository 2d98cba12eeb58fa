/** How record batches are read. */
export interface ReadOptions {
  /** Compare checksums; true by default. */
  readonly checkCrcs?: boolean | undefined
  /** What a compressed batch may become; 128 MiB by default. */
  readonly maxDecompressedBytes?: number | undefined
}
