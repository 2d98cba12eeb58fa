/** Loads the codecs that the batches of a response need, before their records are read. */
import { addNeededCodecs, type CompressionType, tryToLoadCodecs } from '@odradek/protocol'

interface Fetched {
  readonly responses: readonly {
    readonly partitions: readonly { readonly records?: Buffer | null | undefined }[]
  }[]
}

/**
 * Undefined when there is nothing to load, which is the rule after the first response. Codecs that
 * cannot be loaded are errors of the partitions that need them, not of this promise.
 */
export function loadCodecsOf({ responses }: Fetched): Promise<void> | undefined {
  const types = new Set<CompressionType>()
  for (const { partitions } of responses) {
    for (const { records } of partitions) if (records) addNeededCodecs(records, types)
  }
  return tryToLoadCodecs(types)
}
