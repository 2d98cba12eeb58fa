/** The APIs of this broker, by key, and the versions that it serves. */
import { type AnyApi, apiByKey, produce, type VersionRange } from '@odradek/protocol'
import { addOffsetsToTxnHandler } from './add-offsets-to-txn.ts'
import { addPartitionsToTxnHandler } from './add-partitions-to-txn.ts'
import { alterConfigsHandler } from './alter-configs.ts'
import { alterShareGroupOffsetsHandler } from './alter-share-group-offsets.ts'
import { apiVersionsHandler } from './api-versions.ts'
import { consumerGroupDescribeHandler } from './consumer-group-describe.ts'
import { consumerGroupHeartbeatHandler } from './consumer-group-heartbeat.ts'
import { createPartitionsHandler } from './create-partitions.ts'
import { createTopicsHandler } from './create-topics.ts'
import { deleteGroupsHandler } from './delete-groups.ts'
import { deleteRecordsHandler } from './delete-records.ts'
import { deleteShareGroupOffsetsHandler } from './delete-share-group-offsets.ts'
import { deleteTopicsHandler } from './delete-topics.ts'
import { describeClusterHandler } from './describe-cluster.ts'
import { describeConfigsHandler } from './describe-configs.ts'
import { describeGroupsHandler } from './describe-groups.ts'
import { describeProducersHandler } from './describe-producers.ts'
import { describeShareGroupOffsetsHandler } from './describe-share-group-offsets.ts'
import { describeTransactionsHandler } from './describe-transactions.ts'
import { endTxnHandler } from './end-txn.ts'
import { fetchHandler } from './fetch.ts'
import { findCoordinatorHandler } from './find-coordinator.ts'
import type { AnyHandler } from './handler.ts'
import { heartbeatHandler } from './heartbeat.ts'
import { incrementalAlterConfigsHandler } from './incremental-alter-configs.ts'
import { initProducerIdHandler } from './init-producer-id.ts'
import { joinGroupHandler } from './join-group.ts'
import { leaveGroupHandler } from './leave-group.ts'
import { listGroupsHandler } from './list-groups.ts'
import { listOffsetsHandler } from './list-offsets.ts'
import { listTransactionsHandler } from './list-transactions.ts'
import { metadataHandler } from './metadata.ts'
import { offsetCommitHandler } from './offset-commit.ts'
import { offsetDeleteHandler } from './offset-delete.ts'
import { offsetFetchHandler } from './offset-fetch.ts'
import { offsetForLeaderEpochHandler } from './offset-for-leader-epoch.ts'
import { produceHandler } from './produce.ts'
import { saslAuthenticateHandler } from './sasl-authenticate.ts'
import { saslHandshakeHandler } from './sasl-handshake.ts'
import { shareAcknowledgeHandler } from './share-acknowledge.ts'
import { shareFetchHandler } from './share-fetch.ts'
import { shareGroupDescribeHandler } from './share-group-describe.ts'
import { shareGroupHeartbeatHandler } from './share-group-heartbeat.ts'
import { syncGroupHandler } from './sync-group.ts'
import { txnOffsetCommitHandler } from './txn-offset-commit.ts'
import { writeTxnMarkersHandler } from './write-txn-markers.ts'

const ALL: readonly AnyHandler[] = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  metadataHandler,
  offsetCommitHandler,
  offsetFetchHandler,
  findCoordinatorHandler,
  joinGroupHandler,
  heartbeatHandler,
  leaveGroupHandler,
  syncGroupHandler,
  saslHandshakeHandler,
  apiVersionsHandler,
  initProducerIdHandler,
  addPartitionsToTxnHandler,
  addOffsetsToTxnHandler,
  endTxnHandler,
  writeTxnMarkersHandler,
  txnOffsetCommitHandler,
  describeProducersHandler,
  describeTransactionsHandler,
  listTransactionsHandler,
  saslAuthenticateHandler,
  alterConfigsHandler,
  consumerGroupDescribeHandler,
  consumerGroupHeartbeatHandler,
  createPartitionsHandler,
  createTopicsHandler,
  deleteGroupsHandler,
  deleteRecordsHandler,
  deleteTopicsHandler,
  describeClusterHandler,
  describeConfigsHandler,
  describeGroupsHandler,
  incrementalAlterConfigsHandler,
  listGroupsHandler,
  offsetDeleteHandler,
  offsetForLeaderEpochHandler,
  shareGroupHeartbeatHandler,
  shareGroupDescribeHandler,
  shareFetchHandler,
  shareAcknowledgeHandler,
  describeShareGroupOffsetsHandler,
  alterShareGroupOffsetsHandler,
  deleteShareGroupOffsetsHandler,
]

const byKey = new Map(ALL.map((one) => [one.api.apiKey, one]))

export function handlerOf(apiKey: number): AnyHandler | undefined {
  return byKey.get(apiKey)
}

/** The versions of an API under the options' limits; undefined if it is disabled. */
export function servedVersions(
  api: AnyApi,
  maxApiVersions: Readonly<Record<string, number>>,
): VersionRange | undefined {
  const { min, max } = api.versions
  const limited = Math.min(max, maxApiVersions[api.name] ?? max)
  return limited < min ? undefined : { min, max: limited }
}

/** The APIs as ApiVersions lists them. */
export function versionsOf(maxApiVersions: Readonly<Record<string, number>>) {
  return [...byKey.keys()]
    .sort((a, b) => a - b)
    .flatMap((apiKey) => {
      const api = apiByKey(apiKey)
      const range = api === undefined ? undefined : servedVersions(api, maxApiVersions)
      if (range === undefined) return []
      // KAFKA-18659: librdkafka derives the broker's features from this; 0 to 2 are refused.
      const minVersion = apiKey === produce.apiKey ? 0 : range.min
      return [{ apiKey, minVersion, maxVersion: range.max }]
    })
}
