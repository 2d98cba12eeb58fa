/** What a broker speaks, and what of it this client speaks too. */
import {
  type AnyApi,
  apiVersions,
  ErrorCode,
  ProtocolError,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import { throwIfError } from '../errors/reaction.ts'

const SOFTWARE_NAME = 'odradek'
const SOFTWARE_VERSION = '0.1.0'

export interface FinalizedFeatures {
  readonly epoch: number
  readonly levels: ReadonlyMap<string, number>
}

export class BrokerVersions {
  readonly #broker: string
  readonly #ranges: ReadonlyMap<number, { readonly min: number; readonly max: number }>
  readonly features: FinalizedFeatures

  constructor(broker: string, response: ResponseOf<typeof apiVersions>) {
    this.#broker = broker
    this.#ranges = new Map(
      response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
        apiKey,
        { min: minVersion, max: maxVersion },
      ]),
    )
    this.features = {
      epoch: response.finalizedFeaturesEpoch,
      levels: new Map(response.finalizedFeatures.map((one) => [one.name, one.maxVersionLevel])),
    }
  }

  /** The newest version that both ends know, up to `maxVersion`; undefined when there is none. */
  find(api: AnyApi, maxVersion = Number.POSITIVE_INFINITY): number | undefined {
    const range = this.#ranges.get(api.apiKey)
    if (range === undefined) return undefined
    const version = Math.min(range.max, api.versions.max, maxVersion)
    return version >= Math.max(range.min, api.versions.min) ? version : undefined
  }

  /** Like `find`, and an error that says what both ends know when they have nothing in common. */
  negotiate(api: AnyApi, maxVersion?: number): number {
    const version = this.find(api, maxVersion)
    if (version !== undefined) return version
    const range = this.#ranges.get(api.apiKey)
    const theirs = range === undefined ? 'does not know it' : `speaks ${range.min}-${range.max}`
    throw new ProtocolError(
      `Broker ${this.#broker} and this client have no version of ${api.name} in common: ` +
        `the broker ${theirs}, the client speaks ${api.versions.min}-` +
        `${Math.min(api.versions.max, maxVersion ?? api.versions.max)}`,
      { code: 'UNSUPPORTED_VERSION' },
    )
  }
}

type Send = <A extends AnyApi>(
  api: A,
  version: number,
  body: RequestInput<A>,
) => Promise<ResponseOf<A>>

export async function negotiateVersions(broker: string, send: Send): Promise<BrokerVersions> {
  const body = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: SOFTWARE_VERSION }
  let response = await send(apiVersions, apiVersions.versions.max, body)
  if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
    // The refusal lists what the broker knows of this one API.
    const known = response.apiKeys.find(({ apiKey }) => apiKey === apiVersions.apiKey)
    const version = Math.min(known?.maxVersion ?? 0, apiVersions.versions.max)
    response = await send(apiVersions, version, version >= 3 ? body : {})
  }
  throwIfError(response.errorCode, `agree with broker ${broker} on versions`)
  return new BrokerVersions(broker, response)
}
