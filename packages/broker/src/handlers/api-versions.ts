/**
 * Says what this broker speaks. The finalized features say that there are no KIP-848 groups and no
 * transactions of the second kind: clients that ask stay with what exists here.
 */
import { apiVersions, ErrorCode } from '@odradek/protocol'
import { handler } from './handler.ts'

/** The level of Kafka 4.0; nothing here depends on it. */
const METADATA_VERSION = { name: 'metadata.version', min: 7, max: 25 }
/** Kafka's own pattern for names and versions of clients. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const apiVersionsHandler = handler({
  api: apiVersions,
  handle(body, { node, version }) {
    const { clientSoftwareName, clientSoftwareVersion } = body
    const isNamed = SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion)
    if (version >= 3 && !isNamed) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
    const { name, min, max } = METADATA_VERSION
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: node.dispatcher.apiKeys,
      supportedFeatures: [{ name, minVersion: min, maxVersion: max }],
      finalizedFeaturesEpoch: 0,
      finalizedFeatures: [{ name, minVersionLevel: max, maxVersionLevel: max }],
    }
  },
  errorResponse: (_body, errorCode) => ({ errorCode, apiKeys: [] }),
})
