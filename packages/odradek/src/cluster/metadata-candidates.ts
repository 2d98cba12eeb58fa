/**
 * In which order servers are asked for metadata. Known brokers come first, then the bootstrap
 * servers. After two that were silent the bootstrap servers come next: they may lead to brokers
 * under other addresses (KIP-899). Those that are silent, too, are asked on new connections at the
 * end: the open one may be to a host that is gone.
 */
import type { ServerAddress } from '../options/bootstrap-servers.ts'
import type { BrokerAddress } from './broker-pool.ts'

export interface MetadataCandidate {
  readonly address: BrokerAddress
  /** A broker of the metadata; else a bootstrap server. */
  readonly isKnown: boolean
  readonly isNewConnection: boolean
}

const PATIENT_SILENCES = 2

export class MetadataCandidates {
  readonly #known: BrokerAddress[]
  readonly #bootstrap: ServerAddress[]
  /** Bootstrap servers that were asked and have not failed. */
  readonly #silent = new Set<BrokerAddress>()
  #silences = 0

  constructor(known: readonly BrokerAddress[], bootstrap: readonly ServerAddress[]) {
    this.#known = [...known]
    this.#bootstrap = [...bootstrap]
  }

  next(isAfterSilence: boolean): MetadataCandidate | undefined {
    if (isAfterSilence) this.#silences++
    const isBootstrapFirst = this.#silences >= PATIENT_SILENCES
    const bootstrap = isBootstrapFirst ? this.#nextBootstrap() : undefined
    if (bootstrap !== undefined) return bootstrap
    const known = this.#known.shift()
    if (known !== undefined) return { address: known, isKnown: true, isNewConnection: false }
    return this.#nextBootstrap() ?? this.#nextSilent(isAfterSilence)
  }

  #nextBootstrap(): MetadataCandidate | undefined {
    const address = this.#bootstrap.shift()
    if (address === undefined) return undefined
    this.#silent.add(address)
    return { address, isKnown: false, isNewConnection: false }
  }

  #nextSilent(isAfterSilence: boolean): MetadataCandidate | undefined {
    if (!isAfterSilence) return undefined
    const [address] = this.#silent
    if (address === undefined) return undefined
    this.#silent.delete(address)
    return { address, isKnown: false, isNewConnection: true }
  }

  failed({ address }: MetadataCandidate): void {
    this.#silent.delete(address)
  }
}
