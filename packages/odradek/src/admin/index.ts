export { Admin } from './admin.ts'
export type {
  GroupDescription,
  GroupListing,
  GroupMember,
  GroupType,
  ListGroupsOptions,
} from './groups.ts'
export type { CallOptions } from './item-calls.ts'
export type {
  CommittedOffset,
  GroupLag,
  ListedOffset,
  ListOffsetsOptions,
  OffsetQuery,
  OffsetSpec,
  PartitionLag,
} from './offsets.ts'
export type { ShareGroupOffset, ShareOffsetSpec, ShareOffsetsToSet } from './share-offsets.ts'
export type { CreatedTopic, NewTopic, TopicDescription, TopicListing } from './topics.ts'
