/**
 * Where Odradek's schemas, API table and error table differ from Kafka's on purpose, each with its
 * reason. A test fails on a difference that is not here, and on a line here that is none any more.
 */
type Reasons = Readonly<Record<string, string>>

export const SCHEMA_DIFFERENCES: Reasons = {}

export const API_DIFFERENCES: Reasons = {}

/** What brokers listen for and neither a client, nor an admin, nor the embedded broker needs. */
export const INTERNAL_APIS: Reasons = {
  InitializeShareGroupState: 'between brokers: the share coordinator and its state',
  ReadShareGroupState: 'between brokers: the share coordinator and its state',
  WriteShareGroupState: 'between brokers: the share coordinator and its state',
  DeleteShareGroupState: 'between brokers: the share coordinator and its state',
  ReadShareGroupStateSummary: 'between brokers: the share coordinator and its state',
  StreamsGroupHeartbeat: 'only for a Kafka Streams runtime',
  StreamsGroupTopologyDescriptionUpdate: 'only for a Kafka Streams runtime',
}

export const ERROR_DIFFERENCES: Reasons = {
  'UNKNOWN_LEADER_EPOCH: refresh: Kafka has null, Odradek metadata':
    "the broker's epoch is older than ours: another one may lead by now, and asking is harmless",
  'OFFSET_NOT_AVAILABLE: refresh: Kafka has null, Odradek metadata':
    "Java's own fetcher asks for metadata here too, by a rule outside of the class",
}
