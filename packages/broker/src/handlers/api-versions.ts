/**
 * Returns the APIs of this broker and the features of the cluster: clients read there whether they
 * may use KIP-848 groups and transactions of the second version (KIP-890).
 */
import { apiVersions, ErrorCode } from '@odradek/protocol'
import { FEATURES } from '../options/features.ts'
import { handler } from './handler.ts'

/** The level of Kafka 4.0; nothing here depends on it. */
const METADATA_VERSION = { name: 'metadata.version', min: 7, max: 25 }
/** Kafka's own pattern for names and versions of clients. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const apiVersionsHandler = handler({
  api: apiVersions,
  handle(body, { node, cluster, version }) {
    const { clientSoftwareName, clientSoftwareVersion } = body
    const isNamed = SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion)
    if (version >= 3 && !isNamed) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
    const { name, min, max } = METADATA_VERSION
    const features = Object.entries(cluster.options.features)
    const isOn = ([, level]: readonly [string, number]): boolean => level > 0
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: node.apiKeys,
      supportedFeatures: [
        { name, minVersion: min, maxVersion: max },
        ...Object.entries(FEATURES).map(([feature, newest]) => ({
          name: feature,
          minVersion: 0,
          maxVersion: newest,
        })),
      ],
      finalizedFeaturesEpoch: 0,
      finalizedFeatures: [
        { name, minVersionLevel: max, maxVersionLevel: max },
        ...features.filter(isOn).map(([feature, level]) => ({
          name: feature,
          minVersionLevel: level,
          maxVersionLevel: level,
        })),
      ],
    }
  },
  errorResponse: (_body, errorCode) => ({ errorCode, apiKeys: [] }),
})
